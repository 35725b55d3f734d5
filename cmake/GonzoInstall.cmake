# What an embedder gets: one library, the public headers, a CMake package and a pkg-config file.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set(objects $<TARGET_OBJECTS:gonzo_stub_blob> $<TARGET_OBJECTS:gonzo_qemu_blob>)
foreach(room ${GONZO_PUBLIC_ROOMS})
  list(APPEND objects $<TARGET_OBJECTS:gonzo_${room}>)
endforeach()
add_library(gonzo_library STATIC ${objects})
add_library(gonzo::gonzo ALIAS gonzo_library)
set_target_properties(gonzo_library PROPERTIES LINKER_LANGUAGE CXX OUTPUT_NAME gonzo EXPORT_NAME gonzo)
target_compile_features(gonzo_library INTERFACE cxx_std_23)
target_include_directories(gonzo_library INTERFACE $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include>
                           $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
target_link_libraries(gonzo_library PUBLIC fmt::fmt Threads::Threads Boost::headers PRIVATE lz4 zstd hiredis)
set(GONZO_LINK_FLAGS "")
if(GONZO_SANITIZE)
  set(GONZO_LINK_FLAGS "-fsanitize=${GONZO_SANITIZE}")
  target_link_options(gonzo_library INTERFACE ${GONZO_LINK_FLAGS})
endif()

set(package ${CMAKE_INSTALL_LIBDIR}/cmake/gonzo)
install(TARGETS gonzo_library EXPORT gonzo)
install(EXPORT gonzo FILE gonzo-targets.cmake NAMESPACE gonzo:: DESTINATION ${package})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/gonzo-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_SOURCE_DIR}/cmake/gonzo-config.cmake ${PROJECT_BINARY_DIR}/gonzo-config-version.cmake
        DESTINATION ${package})
foreach(room ${GONZO_PUBLIC_ROOMS})
  install(DIRECTORY include/gonzo/${room} DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/gonzo)
endforeach()

# It is found where it lies, wherever that is.
set(pkgconfig ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
file(RELATIVE_PATH GONZO_UP /${pkgconfig} /)
configure_file(${PROJECT_SOURCE_DIR}/cmake/gonzo.pc.in ${PROJECT_BINARY_DIR}/gonzo.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/gonzo.pc DESTINATION ${pkgconfig})
