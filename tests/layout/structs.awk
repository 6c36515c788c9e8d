# SPDX-License-Identifier: Apache-2.0
# Random structs, once as .ks and once as C, each as a program that prints sizes, offsets and the bytes of
# a struct after writes to its bit-fields, with what is read back.
#   awk -v seed=1 -v count=40 -v ks=x.ks -v c=x.c -f structs.awk
function random(n) { return int(rand() * n) }

function both(k, d) { print k >ks; print d >c }

BEGIN {
	srand(seed)
	split("u8 u16 u32 u64 i8 i16 i32 i64", ktypes, " ")
	split("uint8_t uint16_t uint32_t uint64_t int8_t int16_t int32_t int64_t", ctypes, " ")
	split("8 16 32 64 8 16 32 64", bits, " ")
	print "#include <stddef.h>\n#include <stdint.h>\n#include <stdio.h>\n#include <string.h>" >c
	print "fn mix(x: u64) -> u64 { return x * 4294967291 }" >ks
	for (s = 0; s < count; s++) {
		packed = random(4) == 0
		both((packed ? "@packed " : "") "struct S" s " {", "struct S" s " {")
		fields[s] = 1 + random(7)
		for (f = 0; f < fields[s]; f++) {
			t = 1 + random(8)
			kind = random(6)
			width[s, f] = 0
			if (kind <= 2) { # most are bit-fields
				width[s, f] = 1 + random(bits[t])
				type[s, f] = t
				both("    f" f ": " ktypes[t] " : " width[s, f] ",", "\t" ctypes[t] " f" f " : " width[s, f] ";")
			} else if (kind == 3) {
				n = 1 + random(5)
				both("    f" f ": " ktypes[t] "[" n "],", "\t" ctypes[t] " f" f "[" n "];")
			} else if (kind == 4 && s > 0) {
				o = random(s)
				both("    f" f ": S" o ",", "\tstruct S" o " f" f ";")
			} else {
				both("    f" f ": " ktypes[t] ",", "\t" ctypes[t] " f" f ";")
			}
		}
		both("}", packed ? "} __attribute__((packed));" : "};")
	}
	for (s = 0; s < count; s++) {
		both("fn show" s "() {", "static void show" s "(void)\n{")
		both("    print(sizeof(S" s "))", "\tprintf(\"%u\\n\", (unsigned)sizeof(struct S" s "));")
		both("    var s: S" s, "\tstruct S" s " s;\n\tmemset(&s, 0, sizeof s);")
		for (f = 0; f < fields[s]; f++) {
			if (!width[s, f]) {
				both("    print(offsetof(S" s ", f" f "))",
				     "\tprintf(\"%u\\n\", (unsigned)offsetof(struct S" s ", f" f "));")
				continue
			}
			value = random(2147483647)
			t = type[s, f]
			both("    s.f" f " = mix(" value ") as " ktypes[t],
			     "\ts.f" f " = (" ctypes[t] ")(" value "ull * 4294967291ull);")
			both("    s.f" f " += 3", "\ts.f" f " += 3;")
			wide = t > 4 ? "%lld\\n\", (long long)" : "%llu\\n\", (unsigned long long)"
			both("    print(s.f" f ")", "\tprintf(\"" wide "s.f" f ");")
		}
		both("    var bytes = &s as *u8", "\tconst uint8_t *bytes = (const uint8_t *)&s;")
		both("    for (i in 0..sizeof(S" s ")) { print(bytes[i]) }",
		     "\tfor (unsigned i = 0; i < sizeof s; i++)\n\t\tprintf(\"%u\\n\", bytes[i]);")
		both("}", "}")
	}
	both("fn main() -> i32 {", "int main(void)\n{")
	for (s = 0; s < count; s++)
		both("    show" s "()", "\tshow" s "();")
	both("    return 0\n}", "\treturn 0;\n}")
}
