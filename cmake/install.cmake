# find_package(inc_cpp) → inc_cpp::inc_cpp, headers under include/inc_cpp, entry inc_cpp/inc.h.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

if(NOT TARGET inc-cpp)
  return()
endif()

add_library(inc_all INTERFACE)
target_link_libraries(inc_all INTERFACE inc_app)
target_include_directories(inc_all INTERFACE $<INSTALL_INTERFACE:include>)
set_target_properties(inc_all PROPERTIES EXPORT_NAME inc_cpp)

get_property(rooms GLOBAL PROPERTY INC_ROOMS)
install(TARGETS inc_all inc_app ${rooms} inc_warnings EXPORT inc_cppTargets
  ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(TARGETS inc-cpp RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
install(PROGRAMS ${PROJECT_SOURCE_DIR}/app/cli/peers.py DESTINATION ${CMAKE_INSTALL_DATADIR}/inc_cpp)
install(EXPORT inc_cppTargets NAMESPACE inc_cpp:: DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/inc_cpp)
foreach(folder core strategies kernels adaptors app)
  install(DIRECTORY ${PROJECT_SOURCE_DIR}/${folder} DESTINATION include/inc_cpp FILES_MATCHING PATTERN "*.h"
    PATTERN "cli" EXCLUDE PATTERN "inc.h" EXCLUDE)
endforeach()
install(FILES ${PROJECT_SOURCE_DIR}/app/inc.h DESTINATION include/inc_cpp)
write_basic_package_version_file(${CMAKE_CURRENT_BINARY_DIR}/inc_cppConfigVersion.cmake COMPATIBILITY SameMinorVersion)
configure_file(${PROJECT_SOURCE_DIR}/cmake/inc_cppConfig.cmake.in ${CMAKE_CURRENT_BINARY_DIR}/inc_cppConfig.cmake @ONLY)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/inc_cppConfig.cmake ${CMAKE_CURRENT_BINARY_DIR}/inc_cppConfigVersion.cmake
  DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/inc_cpp)
