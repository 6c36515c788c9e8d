" SPDX-License-Identifier: Apache-2.0
" Vim knows *.ks as KScript; this comes later and wins.
autocmd BufNewFile,BufRead *.ks,*.kh set filetype=ks
