# SPDX-License-Identifier: Apache-2.0
# The interface target papi_libraries: everything the product links. Nothing third-party is copied into the tree; all of
# it comes from the distribution (scripts/setup names the packages).
find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)

add_library(papi_libraries INTERFACE)
target_link_libraries(papi_libraries INTERFACE Threads::Threads m)

# papi_archive(<out> <name> <folders>...): the static archive of library <name>, or "" if the system has none.
function(papi_archive out name)
    unset(archive CACHE)
    # libuv called its archive libuv_a.a until 1.44, Ubuntu has libcares_static.a.
    find_library(archive NAMES "lib${name}.a" "lib${name}_a.a" "lib${name}_static.a" HINTS ${ARGN} NO_CACHE)
    if(archive)
        set(${out} "${archive}" PARENT_SCOPE)
    else()
        set(${out} "" PARENT_SCOPE)
    endif()
endfunction()

# Parts of libc; they stay dynamic.
set(papi_libc_parts c m dl rt pthread resolv)

# papi_library(<pkg-config name>): link it, statically if PAPI_STATIC_DEPS and an archive is there.
function(papi_library package)
    string(MAKE_C_IDENTIFIER "${package}" id)
    pkg_check_modules(${id} REQUIRED "${package}")
    target_include_directories(papi_libraries SYSTEM INTERFACE ${${id}_INCLUDE_DIRS})
    if(NOT PAPI_STATIC_DEPS)
        target_link_directories(papi_libraries INTERFACE ${${id}_LIBRARY_DIRS})
        target_link_libraries(papi_libraries INTERFACE ${${id}_LIBRARIES})
        return()
    endif()
    foreach(name IN LISTS ${id}_STATIC_LIBRARIES)
        if(name IN_LIST papi_libc_parts)
            continue()
        endif()
        papi_archive(archive "${name}" ${${id}_STATIC_LIBRARY_DIRS} ${${id}_LIBDIR})
        if(archive)
            target_link_libraries(papi_libraries INTERFACE "${archive}")
        else()
            message(STATUS "${name}: no static archive, linked dynamically")
            target_link_libraries(papi_libraries INTERFACE "${name}")
        endif()
    endforeach()
endfunction()

foreach(package libuv libssl libcrypto libcares yaml-0.1 zlib libzstd sqlite3 libsodium)
    papi_library(${package})
endforeach()

# llhttp: Debian 12 ships its generated C sources (package node-llhttp), which we compile without our warning flags;
# later distributions ship a library with a pkg-config file.
find_path(LLHTTP_INCLUDE_DIR llhttp.h PATHS /usr/share/include /usr/include PATH_SUFFIXES llhttp)
file(GLOB llhttp_sources /usr/share/llhttp/*.c)
pkg_check_modules(LLHTTP QUIET libllhttp)
if(LLHTTP_FOUND)
    papi_library(libllhttp)
elseif(LLHTTP_INCLUDE_DIR AND llhttp_sources)
    add_library(llhttp STATIC ${llhttp_sources})
    target_include_directories(llhttp SYSTEM PUBLIC "${LLHTTP_INCLUDE_DIR}")
    target_compile_options(llhttp PRIVATE -w)
    target_link_libraries(papi_libraries INTERFACE llhttp)
else()
    find_library(LLHTTP_LIBRARY llhttp)
    if(NOT LLHTTP_LIBRARY OR NOT LLHTTP_INCLUDE_DIR)
        message(FATAL_ERROR "llhttp not found: install libllhttp-dev or node-llhttp (scripts/setup does)")
    endif()
    target_include_directories(papi_libraries SYSTEM INTERFACE "${LLHTTP_INCLUDE_DIR}")
    target_link_libraries(papi_libraries INTERFACE "${LLHTTP_LIBRARY}")
endif()
