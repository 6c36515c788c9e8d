# SPDX-License-Identifier: Apache-2.0
# One library per row of the include table in docs/architecture.md. A library sees the headers of its own folder
# and of the folders it names in DEPENDS, and of nothing else: every folder is shown to the compiler through a
# directory of its own that holds one symbolic link, so a forbidden #include does not find its file.
#
#   ks_library(NAME opt DIR frontend/opt SOURCES pass.c … DEPENDS base ir)
set(KS_WARNINGS -Wall -Wextra -Werror -Wswitch-enum -Wstrict-prototypes -Wmissing-prototypes -Wshadow=local)
if(CMAKE_C_COMPILER_ID MATCHES Clang)
	list(REMOVE_ITEM KS_WARNINGS -Wshadow=local)
	list(APPEND KS_WARNINGS -Wno-missing-field-initializers) # it warns of {ZERO} too, where GCC does not
endif()
set(KS_SANITIZE_FLAGS -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer)

# Shows folder (or single header) DIR to users of target `name`.
function(ks_stage_headers name dir)
	set(stage ${CMAKE_BINARY_DIR}/include/${name})
	get_filename_component(parent ${stage}/${dir} DIRECTORY)
	file(MAKE_DIRECTORY ${parent})
	file(CREATE_LINK ${PROJECT_SOURCE_DIR}/${dir} ${stage}/${dir} SYMBOLIC)
	target_include_directories(${name} ${ARGN} ${stage})
endfunction()

function(ks_compile_options name)
	target_compile_options(${name} PRIVATE ${KS_WARNINGS})
	if(KS_SANITIZE)
		target_compile_options(${name} PRIVATE ${KS_SANITIZE_FLAGS})
		target_link_options(${name} PUBLIC -fsanitize=address,undefined)
	endif()
	if(KS_FUZZ)
		target_compile_options(${name} PRIVATE -fsanitize=fuzzer-no-link)
	endif()
endfunction()

function(ks_library)
	cmake_parse_arguments(LIB "" "NAME;DIR" "SOURCES;DEPENDS" ${ARGN})
	if(LIB_SOURCES)
		add_library(${LIB_NAME} STATIC ${LIB_SOURCES})
		ks_stage_headers(${LIB_NAME} ${LIB_DIR} PUBLIC)
		ks_compile_options(${LIB_NAME})
		target_link_libraries(${LIB_NAME} PRIVATE ${LIB_DEPENDS})
	else()
		add_library(${LIB_NAME} INTERFACE)
		ks_stage_headers(${LIB_NAME} ${LIB_DIR} INTERFACE)
	endif()
endfunction()
