# SPDX-License-Identifier: Apache-2.0
"""The page of a refused program and of an accepted one, used with keys and mouse as a reader would.

python3 page.py refused.html accepted.html [FOLDER for pictures]"""
import sys

from browser import Browser

REFUSED, ACCEPTED = sys.argv[1:3]
PICTURES = sys.argv[3] if len(sys.argv) > 3 else None


def picture(b, name):
    if PICTURES:
        b.shot(f"{PICTURES}/{name}.png")


def expect(what, got, wanted):
    if not (wanted(got) if callable(wanted) else got == wanted):
        sys.exit(f"{what}: got {got!r}" + ("" if callable(wanted) else f", wanted {wanted!r}"))


def step(b):
    return b.run("return view.step")


def contrast(b, selector):
    """Contrast of an element's text with what is behind it, as WCAG reckons it."""
    return b.run("""
        const lum = (c) => { const [r, g, b] = c.match(/[\\d.]+/g).map((v) => { v /= 255;
            return v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; }); return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
        const element = document.querySelector(arguments[0]);
        if (!element) return -1;
        let back = element;
        while (back && /rgba\\(.*, 0\\)|transparent/.test(getComputedStyle(back).backgroundColor)) back = back.parentElement;
        const a = lum(getComputedStyle(element).color), b = lum(getComputedStyle(back).backgroundColor);
        return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);""", selector)


def check_contrast(b):
    for selector in ["h1", ".quiet", "#verdict", ".row.now .text", ".row .no", ".k", ".c", ".n", ".t", "#state .name",
                     "#state .text", "#state tr.changed .value div", "#state tr.changed .text", ".was", ".tag.fork",
                     "#refusal summary", "#refusal .note", "#refusal .no", "#refusal .hint", "button:not(:disabled)", "#status"]:
        ratio = contrast(b, selector)
        if ratio != -1 and ratio < 4.5:
            sys.exit(f"contrast of {selector} is {ratio:.2f}")


with Browser() as b:
    b.open(REFUSED)
    expect("ready", b.run("return document.documentElement.dataset.ready"), "yes")
    expect("refused program comes first", b.run("return $('program').selectedOptions[0].text"), "shifted (refused)")
    expect("explanation", b.text("#refusal"), lambda t: "packet" in t.split("\n")[0] and "Remedy" not in t and "Compare" in t)
    expect("its last part", b.text("#refusal li:last-child"), lambda t: "asm volatile" in t)
    b.click("#refusal li:first-child button")
    expect("its parts lead to their steps", step(b), 0)
    b.keys("r")
    expect("opened where it is refused", step(b), 10)
    expect("current line", b.text("#source .now .text"), lambda t: "asm volatile" in t)
    expect("current instruction", b.text("#steps .now .text"), "10: r0 = *(u8 *)(r6 + 1)")
    expect("what changed", b.text("#state tr.changed"), lambda t: t.startswith("r6") and "from 0 to 15" in t)
    expect("what it was", b.text("#state tr.changed .was"), "was packet pointer; 2 bytes checked")
    picture(b, "refused-light")
    check_contrast(b)
    b.keys("k", "k")
    expect("two steps back", step(b), 8)
    b.keys("Down")
    expect("an arrow", step(b), 9)
    b.click("[data-do=step]")
    expect("a button", step(b), 10)
    b.click("#state [data-place='6']")
    expect("jumped to where r6 was made", step(b), 9)
    expect("chain", b.run("return view.chain.map((o) => [o.step, o.place])"),
           [[9, 6], [8, 4], [7, 16], [6, 3], [5, 3], [4, 6], [0, 6]])
    expect("chain is marked", b.run("return document.querySelectorAll('#steps .chain').length"), 7)
    picture(b, "chain-light")
    b.click("#origin button[data-step='7']")
    expect("jumped along the chain", step(b), 7)
    b.keys("u", "u")
    expect("back from both jumps", step(b), 10)
    b.keys("Escape", "g")
    expect("first step", step(b), 0)
    b.keys("r")
    expect("refusal", step(b), 10)
    b.keys("i")
    expect("instructions", b.run("return [$('insns').hidden, $('steps').hidden, $('tab-insns').ariaSelected]"), [False, True, "true"])
    expect("instruction is marked", b.text("#insns .now .text"), "r0 = *(u8 *)(r6 + 1)")
    b.keys("i")
    # another program
    b.run("$('program').value = 0; $('program').dispatchEvent(new Event('change'))")
    expect("accepted", b.text("#verdict"), "accepted by Linux 6.12")
    expect("no refusal", b.run("return $('refusal').hidden"), True)
    b.run("document.activeElement.blur()")
    b.keys("b")
    expect("next branch", step(b), 4)
    b.keys("n")
    expect("the other way", (step(b), b.text("#status")), lambda t: t[0] == 33 and "branch taken at 4" in t[1])
    b.keys("e")
    expect("end of that path", (step(b), b.text("#status")), lambda t: t[0] == 34 and "the program is left" in t[1])
    b.keys("B")
    expect("back at the branch", step(b), 4)
    b.keys("n", "b", "b")
    expect("branches of the first path", step(b), 18)
    expect("frames", b.run("jump(12); return [...document.querySelectorAll('#state h3')].map((h) => h.innerText)"),
           ["half, frame 1", "halves, frame 0 (calls at instruction 6)"])
    expect("pruned", b.run("jump(32); return document.querySelector('#steps .now .tag.pruned').innerText"), "pruned: as step 18")
    b.run("jump(0)")
    b.keys("/")
    b.keys(*"or null", "Enter")
    expect("search finds a value", b.text("#state"), lambda t: "or null" in t)
    expect("search says what it found", b.text("#found"), lambda t: "step" in t)
    b.keys("Escape")
    # roles and focus
    expect("names of regions", b.run("return [...document.querySelectorAll('section')].every((s) => $(s.getAttribute('aria-labelledby')))"), True)
    expect("current row is told", b.run("return $($('steps').getAttribute('aria-activedescendant')).ariaSelected"), "true")
    expect("every button has a name", b.run("return [...document.querySelectorAll('button')].every((x) => x.innerText.trim())"), True)
    b.keys("?")
    expect("help", b.run("return $('help').open"), True)
    b.keys("Escape")
    expect("help closes", b.run("return $('help').open"), False)
    b.keys("t")
    expect("theme", b.run("return document.documentElement.dataset.theme"), "dark")
    check_contrast(b)
    b.open(ACCEPTED)
    b.run("setTheme('light')")
    expect("variables", b.run("""for (let s = 0; s < view.trace.count; s++) {
            const names = [...view.trace.names(s, view.trace.state(s)).values()];
            if (names.includes('header') && names.includes('size')) { jump(s); break; }
        }
        return [...document.querySelectorAll('#state .name')].map((e) => e.innerText)"""),
           lambda names: "header" in names and "size" in names)
    expect("colours", b.run("return document.querySelectorAll('#source .k').length"), lambda n: n > 3)
    picture(b, "accepted-light")
    b.click("#map")
    expect("a click on the map", step(b), lambda s: 60 < s < 130)
    expect("errors on the console", b.messages(), [])

with Browser(dark=True) as b:
    b.open(REFUSED)
    expect("dark by the system's wish", b.run("return document.documentElement.dataset.theme"), "dark")
    check_contrast(b)
    picture(b, "refused-dark")
    b.keys("6")
    picture(b, "chain-dark")
    b.open(ACCEPTED)
    b.run("jump(30)")
    picture(b, "accepted-dark")

with Browser(width=500, height=900) as b:
    b.open(REFUSED)
    expect("nothing is wider than a narrow window", b.run("return document.documentElement.scrollWidth <= window.innerWidth"), True)
    picture(b, "refused-narrow")
    b.run("document.getElementById('state').scrollIntoView()")
    picture(b, "state-narrow")
