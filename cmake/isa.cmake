# Compiler flags of kernel variants, by file name. Nothing else is compiled with ISA flags.
# Products and sums are never contracted: integer kernels are bit-exact on every ISA.
set(INC_KERNEL_FLAGS -O3 -ffp-contract=off -fno-math-errno -fno-trapping-math)
file(GLOB_RECURSE variants CONFIGURE_DEPENDS kernels/*/ref.cpp kernels/*/x86_*.cpp)
foreach(variant ${variants})
  set(flags ${INC_KERNEL_FLAGS})
  if(variant MATCHES "x86_avx2\\.cpp$")
    list(APPEND flags -mavx2 -mfma -mf16c)
  elseif(variant MATCHES "x86_avx512\\.cpp$")
    list(APPEND flags -mavx512f -mavx512bw -mavx512dq -mavx512vl -mfma -mprefer-vector-width=512)
    if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")  # false alarms inside its own AVX512 header
      list(APPEND flags -Wno-maybe-uninitialized)
    endif()
  elseif(variant MATCHES "x86_avx512bf16\\.cpp$")
    list(APPEND flags -mavx512f -mavx512bw -mavx512dq -mavx512vl -mavx512bf16 -mfma -mprefer-vector-width=512)
    if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")  # false alarms inside its own AVX512 header
      list(APPEND flags -Wno-maybe-uninitialized)
    endif()
  elseif(variant MATCHES "x86_avx512vnni\\.cpp$")
    list(APPEND flags -mavx512f -mavx512bw -mavx512dq -mavx512vl -mavx512vnni -mfma -mprefer-vector-width=512)
    if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")  # false alarms inside its own AVX512 header
      list(APPEND flags -Wno-maybe-uninitialized)
    endif()
  endif()
  set_source_files_properties(${variant} PROPERTIES COMPILE_OPTIONS "${flags}")
endforeach()
