# SPDX-License-Identifier: Apache-2.0
# The catalog: src/catalog/facts/*.yaml become constant tables, compiled into papi_core. tools/gen_catalog does it; it is
# built from the same reader as the product's, but by itself (papi_core needs its output) and without sanitizers, since it
# runs while building, also where leak checks cannot.
file(GLOB facts_files RELATIVE "${CMAKE_SOURCE_DIR}" CONFIGURE_DEPENDS src/catalog/facts/*.yaml)
file(GLOB gen_catalog_sources CONFIGURE_DEPENDS src/base/*.c src/json/*.c src/yaml/*.c src/catalog/facts*.c)

add_executable(gen_catalog tools/gen_catalog.c ${gen_catalog_sources})
target_include_directories(gen_catalog PRIVATE src ${yaml_0_1_INCLUDE_DIRS})
target_compile_definitions(gen_catalog PRIVATE _GNU_SOURCE=)
target_link_directories(gen_catalog PRIVATE ${yaml_0_1_LIBRARY_DIRS})
target_link_libraries(gen_catalog PRIVATE papi_warnings ${yaml_0_1_LIBRARIES} Threads::Threads m)
set_target_properties(gen_catalog PROPERTIES INTERPROCEDURAL_OPTIMIZATION OFF
                      RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/tools")

set(facts_source "${CMAKE_BINARY_DIR}/generated/catalog_facts.c")
file(MAKE_DIRECTORY "${CMAKE_BINARY_DIR}/generated")
list(TRANSFORM facts_files PREPEND "${CMAKE_SOURCE_DIR}/" OUTPUT_VARIABLE facts_paths)
add_custom_command(OUTPUT "${facts_source}" COMMAND gen_catalog "${facts_source}" ${facts_files}
                   WORKING_DIRECTORY "${CMAKE_SOURCE_DIR}" DEPENDS gen_catalog ${facts_paths}
                   COMMENT "Compiling the catalog" VERBATIM)
target_sources(papi_core PRIVATE "${facts_source}")
