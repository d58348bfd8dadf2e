# Language level, warnings, sanitizers and the packages that several rooms use.
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_C_STANDARD 11)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)

if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE RelWithDebInfo)
endif()
# -g1 keeps backtraces readable at a fraction of the size and compile time of full debug data.
set(CMAKE_CXX_FLAGS_RELWITHDEBINFO "-O2 -g1")
set(CMAKE_C_FLAGS_RELWITHDEBINFO "-O2 -g1")

add_compile_options(-Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wno-sign-conversion
                    -Werror
                    $<$<COMPILE_LANGUAGE:CXX>:-Woverloaded-virtual>
                    $<$<COMPILE_LANGUAGE:CXX>:-Wnon-virtual-dtor>)

# Units of many sources fill g++'s memory often enough that collecting it takes a tenth of their time. So it begins
# later: a unit takes up to 300 MB more.
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  add_compile_options($<$<COMPILE_LANGUAGE:CXX>:--param=ggc-min-expand=300>
                      $<$<COMPILE_LANGUAGE:CXX>:--param=ggc-min-heapsize=786432>)
endif()

set(PARALLELRUN_SANITIZER "" CACHE STRING "address,undefined | thread | empty")
if(PARALLELRUN_SANITIZER)
  add_compile_options(-fsanitize=${PARALLELRUN_SANITIZER} -fno-omit-frame-pointer)
  # A fifth of the time to compile. Null pointers and objects that are too small are the address sanitizer's as well.
  add_compile_options(-O1)
  if(PARALLELRUN_SANITIZER MATCHES "undefined")
    add_compile_options(-fno-sanitize=vptr,null,alignment,object-size,return,nonnull-attribute,returns-nonnull-attribute)
  endif()
  add_link_options(-fsanitize=${PARALLELRUN_SANITIZER})
  # Instrumented code makes g++ 12 see uninitialized members in Boost, and fences that its thread sanitizer does
  # not model in Asio; the plain build keeps both warnings, and there all of them are errors.
  add_compile_options(-Wno-error -Wno-maybe-uninitialized)
  if(PARALLELRUN_SANITIZER STREQUAL "thread")
    add_compile_options(-Wno-tsan)
  endif()
endif()

option(PARALLELRUN_FUZZ "Programs of libFuzzer for tests/fuzz; clang only" OFF)
if(PARALLELRUN_FUZZ)
  # The first thing that a sanitizer finds ends the program, so that libFuzzer keeps the input. Clang's own
  # warnings are for reading: the plain build is what holds the code to ours.
  add_compile_options(-fsanitize=fuzzer-no-link -fno-sanitize-recover=all -Wno-error -Wno-unknown-warning-option)
endif()

# Paths below this folder are hashed as relative ones, and sources that are compiled together know themselves by
# relative ones, so that every clone on a machine shares one cache.
add_compile_options($<$<COMPILE_LANGUAGE:C,CXX>:-ffile-prefix-map=${CMAKE_SOURCE_DIR}=.>)
find_program(CCACHE ccache)
if(CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env CCACHE_BASEDIR=${CMAKE_SOURCE_DIR} CCACHE_NOHASHDIR=true ${CCACHE})
  set(CMAKE_C_COMPILER_LAUNCHER ${CMAKE_CXX_COMPILER_LAUNCHER})
endif()

find_package(Threads REQUIRED)
find_package(OpenSSL REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(yaml-cpp REQUIRED)
find_package(spdlog REQUIRED)
if(PARALLELRUN_TESTS)
  find_package(GTest REQUIRED)
endif()
find_package(Boost 1.74 REQUIRED)

# Headers of other projects are not held to our warnings.
add_library(boost_headers INTERFACE)
target_include_directories(boost_headers SYSTEM INTERFACE ${Boost_INCLUDE_DIRS})
target_compile_definitions(boost_headers INTERFACE BOOST_ALL_NO_LIB)
target_link_libraries(boost_headers INTERFACE Threads::Threads)
add_library(xxhash INTERFACE)
target_link_libraries(xxhash INTERFACE -lxxhash)
