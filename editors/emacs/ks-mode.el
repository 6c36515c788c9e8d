;;; ks-mode.el --- Major mode for ks files  -*- lexical-binding: t -*-
;; SPDX-License-Identifier: Apache-2.0
;;; Commentary:
;; Highlighting and indentation for .ks and .kh files; `ks lsp' through eglot.
;;; Code:

(require 'cc-mode)

(defconst ks-mode-keywords
  '("if" "else" "for" "in" "while" "return" "break" "continue" "match" "default" "try" "catch"
    "throw" "defer" "include" "import" "from" "var" "const" "local" "pin" "extern" "pub" "priv"
    "step" "fn" "struct" "enum" "type" "impl" "config" "new" "delete" "as" "sizeof" "offsetof"))

(defconst ks-mode-types
  '("u8" "u16" "u32" "u64" "i8" "i16" "i32" "i64" "be16" "be32" "be64" "bool" "char" "void"
    "str" "size_t" "ProgramRef" "ProgramHandle" "PerfAttachment"))

(defconst ks-mode-font-lock
  `((,(regexp-opt ks-mode-keywords 'symbols) . font-lock-keyword-face)
    (,(regexp-opt ks-mode-types 'symbols) . font-lock-type-face)
    (,(regexp-opt '("true" "false" "null") 'symbols) . font-lock-constant-face)
    ("@[A-Za-z_][A-Za-z0-9_]*" . font-lock-preprocessor-face)
    ("\\_<fn\\s-+\\([A-Za-z_][A-Za-z0-9_]*\\)" 1 font-lock-function-name-face)
    ("\\_<\\(?:struct\\|enum\\|type\\|impl\\|config\\)\\s-+\\([A-Za-z_][A-Za-z0-9_]*\\)"
     1 font-lock-type-face)
    ("\\_<[A-Z][A-Z0-9_]+\\_>" . font-lock-constant-face)))

;;;###autoload
(define-derived-mode ks-mode prog-mode "ks"
  "Major mode for ks files."
  :syntax-table c-mode-syntax-table
  (setq-local comment-start "// "
              comment-end ""
              indent-tabs-mode nil
              fill-column 100
              font-lock-defaults '(ks-mode-font-lock)
              indent-line-function #'ks-mode-indent-line))

(defun ks-mode-indent-line ()
  "Indent by four for each open bracket before the line."
  (interactive)
  (let* ((closes (save-excursion (back-to-indentation) (looking-at-p "[])}]")))
         (depth (save-excursion (car (syntax-ppss (line-beginning-position)))))
         (column (* 4 (max 0 (if closes (1- depth) depth)))))
    (if (<= (current-column) (current-indentation))
        (indent-line-to column)
      (save-excursion (indent-line-to column)))))

;;;###autoload
(add-to-list 'auto-mode-alist '("\\.k[sh]\\'" . ks-mode))

(with-eval-after-load 'eglot
  (add-to-list 'eglot-server-programs '(ks-mode . ("ks" "lsp"))))

(provide 'ks-mode)
;;; ks-mode.el ends here
