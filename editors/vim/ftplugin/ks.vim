" SPDX-License-Identifier: Apache-2.0
" Settings for ks files: the layout of `ks fmt`, and `ks check` behind :make.
if exists('b:did_ftplugin')
  finish
endif
let b:did_ftplugin = 1

setlocal expandtab shiftwidth=4 softtabstop=4 textwidth=100
setlocal commentstring=//\ %s comments=://
setlocal cindent cinoptions=L0,m1,(0
setlocal makeprg=ks\ check\ --color=never\ %:S
setlocal errorformat=%f:%l:%c:\ %trror:\ %m,%f:%l:%c:\ %tarning:\ %m,%-G%.%#
setlocal formatprg=ks\ fmt\ -
let b:undo_ftplugin = 'setlocal et< sw< sts< tw< cms< com< cin< cino< mp< efm< fp<'
