# SPDX-License-Identifier: Apache-2.0
# The interface target papi_flags: warnings, sanitizers and hardening, each probed, since clang 14 and gcc 12 differ.
include(CheckCCompilerFlag)

add_library(papi_flags INTERFACE)

function(papi_add_flag flag)
    string(MAKE_C_IDENTIFIER "papi_has${flag}" known)
    # Probed together with -Werror: clang only warns about an option it does not know.
    set(CMAKE_REQUIRED_FLAGS "-Werror")
    check_c_compiler_flag("${flag}" ${known})
    if(${known})
        target_compile_options(papi_flags INTERFACE "${flag}")
    endif()
endfunction()

# By themselves for programs that run while building.
add_library(papi_warnings INTERFACE)
target_link_libraries(papi_flags INTERFACE papi_warnings)
foreach(flag -Wall -Wextra -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes -Wvla)
    target_compile_options(papi_warnings INTERFACE ${flag})
endforeach()
if(PAPI_WERROR)
    target_compile_options(papi_warnings INTERFACE -Werror)
endif()

# Readable stacks wherever somebody may look at one.
if(NOT PAPI_STRIP)
    papi_add_flag(-fno-omit-frame-pointer)
endif()

if(PAPI_SANITIZE)
    set(sanitize "-fsanitize=${PAPI_SANITIZE}")
    target_compile_options(papi_flags INTERFACE ${sanitize} -fno-sanitize-recover=all)
    target_link_options(papi_flags INTERFACE ${sanitize})
    # gcc 12 takes instrumented reads of literals for overreads; the sanitizer itself finds the real ones.
    papi_add_flag(-Wno-stringop-overread)
endif()
if(PAPI_FUZZ)
    if(NOT CMAKE_C_COMPILER_ID MATCHES "Clang")
        message(FATAL_ERROR "PAPI_FUZZ needs clang: use `cmake --preset fuzz`")
    endif()
    target_compile_options(papi_flags INTERFACE -fsanitize=fuzzer-no-link)
endif()
if(PAPI_SANITIZE OR PAPI_FUZZ OR CMAKE_BUILD_TYPE STREQUAL "Debug")
    target_compile_definitions(papi_flags INTERFACE PAPI_SLOW_CHECKS)
endif()

if(PAPI_HARDENED)
    # Distributions set _FORTIFY_SOURCE themselves, at their own level: take it back first.
    target_compile_options(papi_flags INTERFACE -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3)
    foreach(flag -fstack-protector-strong -fstack-clash-protection -ftrivial-auto-var-init=zero)
        papi_add_flag(${flag})
    endforeach()
    target_link_options(papi_flags INTERFACE -pie -Wl,-z,relro -Wl,-z,now -Wl,-z,noexecstack -Wl,--gc-sections
                        -Wl,--as-needed)
    target_compile_options(papi_flags INTERFACE -ffunction-sections -fdata-sections)
endif()
