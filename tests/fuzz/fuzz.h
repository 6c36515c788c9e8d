/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is fuzzed: FUZZ_TARGET(name, is_text, what). Each is a function that takes any bytes and returns, or
 * ends the process: a crash, a report of a sanitizer, a broken promise (fuzz_fail), more than FUZZ_SECONDS of
 * processor time. libfuzzer.c drives one of them, replay.c all of them over a kept corpus.
 */
#ifndef KS_TESTS_FUZZ_H
#define KS_TESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>

#define FUZZ_TARGETS(FUZZ_TARGET)                                                                  \
	FUZZ_TARGET(syntax, 1, "lexer, parser, layout there and back")                             \
	FUZZ_TARGET(sema, 1, "checker, with the real tables and a small BTF")                      \
	FUZZ_TARGET(compile, 1, "checker, lowering, every pass, code for eBPF")                    \
	FUZZ_TARGET(btf, 0, "BTF reader: types, layouts, names, printed declarations")             \
	FUZZ_TARGET(object, 0, "reader of eBPF objects: programs, maps, lines, relocations")       \
	FUZZ_TARGET(verify, 0, "simulated verifier, on objects and on bare code")                  \
	FUZZ_TARGET(vm, 0, "interpreter, likewise; what the verifier accepts stays in its memory")

#define FUZZ_DECLARE(name, is_text, what) void fuzz_##name(const uint8_t *data, size_t len);
FUZZ_TARGETS(FUZZ_DECLARE)
#undef FUZZ_DECLARE

enum { FUZZ_MAX_TEXT = 64 << 10 };

/* Ends the process: the input broke a promise. */
_Noreturn void fuzz_fail(const char *what);

#endif
