" SPDX-License-Identifier: Apache-2.0
" Highlighting of ks files.
if exists('b:current_syntax')
  finish
endif

syntax keyword ksConditional if else match default
syntax keyword ksRepeat for in while step
syntax keyword ksStatement return break continue defer delete new
syntax keyword ksException try catch throw
syntax keyword ksInclude include import from
syntax keyword ksDeclaration fn var const struct enum type impl config
syntax keyword ksStorage local pin extern pub priv
syntax keyword ksOperatorWord as sizeof offsetof
syntax keyword ksBoolean true false
syntax keyword ksConstant null
syntax keyword ksType u8 u16 u32 u64 i8 i16 i32 i64 be16 be32 be64 bool char void str size_t
syntax keyword ksType ProgramRef ProgramHandle PerfAttachment
syntax keyword ksTodo contained TODO FIXME NOTE

syntax match ksNumber /\<\(0[xX][0-9A-Fa-f_]\+\|0[bB][01_]\+\|0[oO][0-7_]\+\|[0-9][0-9_]*\)\>/
syntax match ksCaps /\<[A-Z][A-Z0-9_]\+\>/
syntax match ksCall /\<[A-Za-z_][A-Za-z0-9_]*\ze\s*(/
syntax match ksFunction /\(\<fn\s\+\)\@<=[A-Za-z_][A-Za-z0-9_]*/
syntax match ksTypeName /\(\<\(struct\|enum\|type\|impl\|config\)\s\+\)\@<=[A-Za-z_][A-Za-z0-9_]*/
syntax match ksAttribute /@[A-Za-z_][A-Za-z0-9_]*/
syntax match ksMap /\<[a-z_]\+\ze<[^<>=;{}]*>\s*(/
syntax match ksEscape contained /\\\(x[0-9A-Fa-f]\{1,2}\|.\)/
syntax match ksFormat contained /%[-+ #0]*[0-9]*\(\.[0-9]\+\)\?[diuxXocsp%]/
syntax match ksCharacter /'\(\\\(x[0-9A-Fa-f]\{1,2}\|.\)\|[^'\\]\)'/
syntax region ksString start=/"/ skip=/\\./ end=/"\|$/ contains=ksEscape,ksFormat,@Spell
syntax match ksComment "//.*$" contains=ksTodo,@Spell
syntax region ksComment start="/\*" end="\*/" contains=ksTodo,@Spell
syntax region ksBlock start=/{/ end=/}/ transparent fold

highlight default link ksConditional Conditional
highlight default link ksRepeat Repeat
highlight default link ksStatement Statement
highlight default link ksException Exception
highlight default link ksInclude Include
highlight default link ksDeclaration Keyword
highlight default link ksStorage StorageClass
highlight default link ksOperatorWord Operator
highlight default link ksBoolean Boolean
highlight default link ksConstant Constant
highlight default link ksType Type
highlight default link ksTypeName Type
highlight default link ksMap Type
highlight default link ksTodo Todo
highlight default link ksNumber Number
highlight default link ksCaps Constant
highlight default link ksCall Function
highlight default link ksFunction Function
highlight default link ksAttribute PreProc
highlight default link ksEscape SpecialChar
highlight default link ksFormat SpecialChar
highlight default link ksCharacter Character
highlight default link ksString String
highlight default link ksComment Comment

let b:current_syntax = 'ks'
