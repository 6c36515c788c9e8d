# SPDX-License-Identifier: Apache-2.0
"""Drives headless Chromium through chromedriver with the WebDriver protocol; the standard library suffices."""
import base64
import json
import os
import re
import subprocess
import tempfile
import urllib.request

KEYS = {"Enter": "\ue007", "Escape": "\ue00c", "Down": "\ue015", "Up": "\ue013", "Tab": "\ue004", "Backspace": "\ue003"}


class Browser:
    """with Browser(dark=False, width=1400, height=900) as b: …"""

    def __init__(self, dark=False, width=1400, height=900):
        self.folder = tempfile.TemporaryDirectory(prefix="ks-browser-")
        self.driver = subprocess.Popen(["chromedriver", "--port=0"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                                       text=True, env={**os.environ, "HOME": self.folder.name})
        port = None
        for line in self.driver.stdout:
            found = re.search(r"successfully on port (\d+)", line)
            if found:
                port = found.group(1)
                break
        if not port:
            raise RuntimeError("chromedriver does not start")
        self.base = f"http://127.0.0.1:{port}/session"
        arguments = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
                     "--hide-scrollbars=false", "--force-device-scale-factor=1", f"--window-size={width},{height}",
                     f"--user-data-dir={self.folder.name}/profile"]
        if dark:
            arguments.append("--blink-settings=preferredColorScheme=0")
        answer = self.send("POST", "", {"capabilities": {"alwaysMatch": {
            "browserName": "chrome", "goog:chromeOptions": {"args": arguments},
            "goog:loggingPrefs": {"browser": "ALL"}}}})
        self.base += "/" + answer["sessionId"]
        self.send("POST", "/window/rect", {"width": width, "height": height})

    def __enter__(self):
        return self

    def __exit__(self, *_):
        try:
            self.send("DELETE", "", None)
        finally:
            self.driver.terminate()
            self.driver.wait()
            self.folder.cleanup()

    def send(self, method, path, body):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.base + path, data, {"Content-Type": "application/json"}, method=method)
        try:
            with urllib.request.urlopen(request, timeout=120) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as error:
            raise RuntimeError(error.read().decode()) from None

    def open(self, path):
        self.send("POST", "/url", {"url": "file://" + os.path.abspath(path)})

    def run(self, script, *arguments):
        return self.send("POST", "/execute/sync", {"script": script, "args": list(arguments)})

    def keys(self, *keys):
        """Presses keys where the focus is."""
        actions = []
        for key in keys:
            value = KEYS.get(key, key)
            actions += [{"type": "keyDown", "value": value}, {"type": "keyUp", "value": value}]
        self.send("POST", "/actions", {"actions": [{"type": "key", "id": "keyboard", "actions": actions}]})

    def click(self, selector):
        element = self.send("POST", "/element", {"using": "css selector", "value": selector})
        self.send("POST", f"/element/{list(element.values())[0]}/click", {})

    def text(self, selector):
        return self.run("return document.querySelector(arguments[0]).innerText", selector)

    def messages(self):
        """What the page wrote to the console, errors in it included."""
        return [m["message"] for m in self.send("POST", "/se/log", {"type": "browser"})]

    def shot(self, path):
        with open(path, "wb") as out:
            out.write(base64.b64decode(self.send("GET", "/screenshot", None)))
