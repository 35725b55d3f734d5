# gonzo_room(NAME [ROOMS THAT IT USES...]): the library of src/NAME, its headers in include/gonzo/NAME.
# gonzo_test(NAME DIRECTORY LIBRARIES...): one GoogleTest program from all the .cc files of DIRECTORY.

add_library(gonzo_options INTERFACE)
target_compile_options(gonzo_options INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor -Woverloaded-virtual -Wold-style-cast
  -Wno-missing-field-initializers)
target_compile_definitions(gonzo_options INTERFACE _GNU_SOURCE $<$<CONFIG:Release>:NDEBUG>)
if(GONZO_WERROR)
  target_compile_options(gonzo_options INTERFACE -Werror)
endif()
if(GONZO_SANITIZE)
  target_compile_options(gonzo_options INTERFACE -fsanitize=${GONZO_SANITIZE}
                         -fno-sanitize-recover=all -fno-omit-frame-pointer)
  target_link_options(gonzo_options INTERFACE -fsanitize=${GONZO_SANITIZE})
endif()
if(GONZO_COVERAGE)
  target_compile_options(gonzo_options INTERFACE --coverage)
  target_link_options(gonzo_options INTERFACE --coverage)
endif()

function(gonzo_room name)
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/src/${name}/*.cc)
  add_library(gonzo_${name} STATIC ${sources})
  target_include_directories(gonzo_${name} PUBLIC ${PROJECT_SOURCE_DIR}/include
                             PUBLIC ${PROJECT_SOURCE_DIR}/src)
  target_include_directories(gonzo_${name} SYSTEM PUBLIC ${Boost_INCLUDE_DIRS})
  target_link_libraries(gonzo_${name} PUBLIC fmt::fmt Threads::Threads PRIVATE gonzo_options)
  foreach(room ${ARGN})
    target_link_libraries(gonzo_${name} PUBLIC gonzo_${room})
  endforeach()
  # Most of a compilation goes into these headers; all rooms are compiled with the same options.
  if(name STREQUAL base)
    target_precompile_headers(gonzo_base PRIVATE <algorithm> <array> <atomic> <expected> <memory> <optional>
      <span> <string> <vector> <fmt/format.h> <boost/smart_ptr/intrusive_ptr.hpp>)
  else()
    target_precompile_headers(gonzo_${name} REUSE_FROM gonzo_base)
  endif()
endfunction()

function(gonzo_test name directory)
  file(GLOB sources CONFIGURE_DEPENDS ${directory}/*.cc)
  if(NOT sources)
    return()
  endif()
  add_executable(${name} ${sources})
  target_precompile_headers(${name} PRIVATE <gtest/gtest.h> <fmt/format.h> <memory> <span> <string> <vector>)
  target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR}/tests)
  target_link_libraries(${name} PRIVATE ${ARGN} GTest::gtest_main GTest::gmock rapidcheck
                        gonzo_options)
  add_test(NAME ${name} COMMAND ${name})
  # Properties draw the same cases in every run.
  set_tests_properties(${name} PROPERTIES TIMEOUT 300 ENVIRONMENT "RC_PARAMS=seed=20040601")
endfunction()
