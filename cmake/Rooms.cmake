# A room is one folder, one library, one concept.
#
#   prj_room(runner_input PATH runner/input SOURCES file_walk.cpp ... DEPS common_result ...)
#
# The library's include directory holds nothing but a link to its own folder, so
# `#include "runner/input/file_walk.h"` compiles only where runner_input is among the DEPS (or a
# PUBLIC dependency of one). For each room a program is linked from the whole archive: a symbol
# that comes from a room or library that DEPS does not declare fails the build.
function(prj_room name)
  cmake_parse_arguments(ARG "" "PATH" "SOURCES;DEPS" ${ARGN})
  set(include_root ${CMAKE_BINARY_DIR}/rooms/${name})
  get_filename_component(parent ${ARG_PATH} DIRECTORY)
  file(MAKE_DIRECTORY ${include_root}/${parent})
  file(CREATE_LINK ${CMAKE_SOURCE_DIR}/${ARG_PATH} ${include_root}/${ARG_PATH} SYMBOLIC)
  if(ARG_SOURCES)
    add_library(${name} STATIC ${ARG_SOURCES})
    prj_few_units(${name})
    target_include_directories(${name} PUBLIC ${include_root})
    target_link_libraries(${name} PUBLIC ${ARG_DEPS})

    set(check ${CMAKE_BINARY_DIR}/rooms/${name}_link_check.cpp)
    if(NOT EXISTS ${check})
      file(WRITE ${check} "int main() {}\n")
    endif()
    add_executable(${name}_link_check ${check})
    target_link_libraries(${name}_link_check PRIVATE
                          -Wl,--whole-archive $<TARGET_FILE:${name}> -Wl,--no-whole-archive ${ARG_DEPS})
    add_dependencies(${name}_link_check ${name})
    set_target_properties(${name}_link_check PROPERTIES
                          RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/rooms/bin)
  else()
    add_library(${name} INTERFACE)
    target_include_directories(${name} INTERFACE ${include_root})
    target_link_libraries(${name} INTERFACE ${ARG_DEPS})
  endif()
endfunction()

# With PARALLELRUN_FEW_UNITS sources of one target are compiled together, at most 24 at a time and in units of about the
# same size, so that they read the headers once and what these make of templates is compiled once. From nothing, or after
# an edit of a common header, that takes a third of the time; after an edit of one source it takes longer, and the limit
# is there for that. Sources in C set macros for the headers first. `SKIP_UNITY_BUILD_INCLUSION` keeps a source apart.
option(PARALLELRUN_FEW_UNITS "Compile sources of a room or test program together" OFF)
set(PARALLELRUN_UNIT_SOURCES 24)
function(prj_few_units target)
  get_target_property(sources ${target} SOURCES)
  if(NOT PARALLELRUN_FEW_UNITS OR sources MATCHES "\\.c(;|$)")
    return()
  endif()
  list(LENGTH sources count)
  math(EXPR units "(${count} + ${PARALLELRUN_UNIT_SOURCES} - 1) / ${PARALLELRUN_UNIT_SOURCES}")
  math(EXPR size "(${count} + ${units} - 1) / ${units}")
  set_target_properties(${target} PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE ${size})
endfunction()

# A case runs once after a build: the time to compile it counts for more than its speed. A sanitizer sees less of code
# that is not optimized at all, and makes it too slow.
function(prj_test_units target)
  prj_few_units(${target})
  if(PARALLELRUN_FEW_UNITS AND NOT PARALLELRUN_SANITIZER)
    target_compile_options(${target} PRIVATE -O0)
  endif()
endfunction()

# A GoogleTest program whose cases are registered with CTest one by one.
#   prj_test(plan_test SOURCES plan_test.cpp DEPS runner_plan)
function(prj_test name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPS" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE ${ARG_DEPS} GTest::gtest GTest::gmock GTest::gtest_main)
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
  prj_test_units(${name})
  gtest_discover_tests(${name} DISCOVERY_TIMEOUT 60)
endfunction()
