// SPDX-License-Identifier: Apache-2.0
// Starts `ks lsp` for .ks and .kh files.
const vscode = require("vscode");
const { LanguageClient } = require("vscode-languageclient/node");

let client;

function activate() {
    const settings = vscode.workspace.getConfiguration("ks");
    const server = { command: settings.get("path"), args: ["lsp", ...settings.get("arguments")] };
    client = new LanguageClient("ks", "ks", server, { documentSelector: [{ scheme: "file", language: "ks" }] });
    return client.start();
}

function deactivate() {
    return client ? client.stop() : undefined;
}

module.exports = { activate, deactivate };
