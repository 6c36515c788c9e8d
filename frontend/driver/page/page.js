/* SPDX-License-Identifier: Apache-2.0
 *
 * The page of `ks verify --html`: walks through what the verifier looked at.
 *
 * Its data, in the element `data`, are {input, programs, files, keywords}. A program has instructions
 * [text, sort, registers read, registers written, source register], lines [instruction, file, line,
 * column], names of variables, values [text, number of its words] and steps. Steps are bytes in base64;
 * bpf-backend/verify/trace_pack.c tells their format, trace.h what they mean: a step's state is what is
 * known before its instruction, its changes are the differences from the state of the step before on its
 * path. Places are frame * 128 + register or + 16 + stack slot; 127 is what is held.
 */
"use strict";

const FRAME = 128, SLOT = 16, HELD = 127, NO_PLACE = 0xffff;
const GOES_ON = 0, EXIT = 1, PRUNED = 2, REFUSED = 3;
const KEYFRAME = 256; // every so many steps of a path the whole state is kept

/* ---- the trace ---- */

class Bytes {
	constructor(text) {
		const raw = atob(text);
		this.data = new Uint8Array(raw.length);
		for (let i = 0; i < raw.length; i++)
			this.data[i] = raw.charCodeAt(i);
		this.at = 0;
	}
	uint() {
		let n = 0, scale = 1;
		for (;;) {
			const byte = this.data[this.at++];
			n += (byte & 127) * scale;
			if (byte < 128)
				return n;
			scale *= 128;
		}
	}
	int() {
		const n = this.uint();
		return n % 2 ? -(n - 1) / 2 : n / 2;
	}
}

class Trace {
	constructor(program) {
		const n = program.count, bytes = new Bytes(program.steps);
		this.program = program;
		this.count = n;
		this.insn = new Uint32Array(n);
		this.previous = new Int32Array(n);
		this.depth = new Uint8Array(n);
		this.memory = new Uint16Array(n).fill(NO_PLACE);
		this.end = new Uint8Array(n);
		this.forks = new Uint8Array(n);
		this.other = new Int32Array(n).fill(-1);
		this.first = new Uint32Array(n + 1); // of a step's changes
		this.path = new Uint32Array(n);
		this.pathStart = [];
		this.more = new Map(); // children besides the next step
		this.keyframes = new Map();
		const places = [], values = [];
		for (let s = 0, depth = 0, insn = 0; s < n; s++, insn++) {
			const flags = bytes.data[bytes.at++];
			let previous = s - 1;
			if (flags & 1) {
				const back = bytes.uint();
				previous = back ? s - back : -1;
			}
			if (flags & 2)
				depth += bytes.int();
			if (flags & 4)
				this.memory[s] = bytes.uint();
			this.end[s] = flags >> 3 & 3;
			this.forks[s] = flags >> 6 & 1;
			if (this.end[s] === PRUNED) {
				const back = bytes.uint();
				this.other[s] = back ? s - back : -1;
			}
			if (flags & 32)
				insn += bytes.int();
			this.insn[s] = insn;
			this.previous[s] = previous;
			this.depth[s] = depth;
			this.first[s] = places.length;
			for (let left = bytes.uint(); left > 0; left--) {
				places.push(bytes.uint());
				values.push(bytes.uint());
			}
			if (s === 0 || previous !== s - 1) {
				this.pathStart.push(s);
				if (previous >= 0)
					this.more.set(previous, (this.more.get(previous) || []).concat(s));
			}
			this.path[s] = this.pathStart.length - 1;
		}
		this.first[n] = places.length;
		this.places = Uint16Array.from(places);
		this.values = Uint32Array.from(values);
		this.keepStates();
	}

	/* Goes through all steps once. */
	keepStates() {
		const state = new Uint32Array(8 * FRAME), at = new Uint32Array(this.count);
		for (let s = 0, depth = 0; s < this.count; s++) {
			const previous = this.previous[s];
			if (previous < 0)
				state.fill(0);
			else if (previous !== s - 1)
				state.set(this.state(previous));
			if (previous >= 0) {
				at[s] = at[previous] + 1;
				depth = this.depth[previous];
			}
			if (this.depth[s] < depth)
				state.fill(0, (this.depth[s] + 1) * FRAME);
			for (let c = this.first[s]; c < this.first[s + 1]; c++)
				state[this.places[c]] = this.values[c];
			if (at[s] % KEYFRAME === KEYFRAME - 1)
				this.keyframes.set(s, state.slice(0, (this.depth[s] + 1) * FRAME));
		}
	}

	/* Steps that follow, in the order in which they were taken. */
	children(step) {
		const next = step + 1;
		const list = next < this.count && this.previous[next] === step ? [next] : [];
		return list.concat(this.more.get(step) || []);
	}

	/* What is known before the instruction of a step: values by place. Walks back to a kept state. */
	state(step) {
		const state = new Uint32Array(8 * FRAME), known = new Uint8Array(8 * FRAME);
		let lowest = 255, s = step;
		for (; s >= 0; s = this.previous[s]) {
			lowest = Math.min(lowest, this.depth[s]);
			if (this.keyframes.has(s))
				break;
			for (let c = this.first[s]; c < this.first[s + 1]; c++) {
				const place = this.places[c];
				if (known[place] || (place !== HELD && place >= (lowest + 1) * FRAME))
					continue;
				known[place] = 1;
				state[place] = this.values[c];
			}
		}
		if (s >= 0) {
			const kept = this.keyframes.get(s), end = Math.min(kept.length, (lowest + 1) * FRAME);
			for (let place = 0; place < end; place++) {
				if (!known[place])
					state[place] = kept[place];
			}
		}
		return state;
	}

	changes(step, place) {
		for (let c = this.first[step]; c < this.first[step + 1]; c++) {
			if (this.places[c] === place)
				return true;
		}
		return false;
	}

	/* The instruction of a step writes the place, rather than only learning of it. */
	writes(step, place) {
		const [, sort, , written] = this.program.insns[this.insn[step]];
		const number = place % FRAME, frame = place === HELD ? 0 : Math.floor(place / FRAME);
		if (number >= SLOT)
			return sort === "c" || sort === "f" || (this.memory[step] === place && (sort === "s" || sort === "m"));
		if (frame !== this.depth[step])
			return sort === "c" || sort === "f" || sort === "x";
		return (written >> number & 1) === 1;
	}

	/* What the value that a step gives a place is made of. */
	sources(step, place) {
		const [, sort, read, , source] = this.program.insns[this.insn[step]];
		const number = place % FRAME, frame = Math.floor(place / FRAME), own = this.depth[step] * FRAME;
		if (number < SLOT && frame !== this.depth[step]) {
			const isParameter = (sort === "c" || sort === "f") && frame === this.depth[step] + 1;
			const isResult = sort === "x" && frame + 1 === this.depth[step] && number === 0;
			return isParameter || isResult ? [own + number] : [];
		}
		if (sort === "c" || sort === "f")
			return [];
		if (sort === "s" || sort === "m") {
			if (number < SLOT && this.memory[step] !== NO_PLACE)
				return [this.memory[step]];
			return sort === "s" && read >> source & 1 ? [own + source] : [];
		}
		if (sort === "l" && this.memory[step] !== NO_PLACE)
			return [this.memory[step]];
		const list = [];
		for (let r = 0; r < 10; r++) {
			if (read >> r & 1)
				list.push(own + r);
		}
		return list;
	}

	/* Where a value came from: [{step, place, narrows}], newest first. */
	origins(step, place, most) {
		const wanted = new Set([place]), found = [];
		for (let s = step; s >= 0 && wanted.size && found.length < most; s = this.previous[s]) {
			const maker = this.previous[s], sought = [];
			if (maker < 0)
				break;
			for (let c = this.first[s]; c < this.first[s + 1] && found.length < most; c++) {
				const changed = this.places[c];
				if (!wanted.has(changed))
					continue;
				const isMade = this.writes(maker, changed);
				found.push({step: maker, place: changed, narrows: !isMade});
				if (!isMade)
					continue;
				wanted.delete(changed);
				sought.push(...this.sources(maker, changed));
			}
			sought.forEach((p) => wanted.add(p));
		}
		return found;
	}

	/* The step that called frame `number`. */
	call(step, number) {
		for (let s = step; s >= 0; s = this.previous[s]) {
			if (this.depth[s] < number)
				return s;
		}
		return -1;
	}

	functionAt(insn) {
		const list = this.program.functions;
		let f = 0;
		while (f + 1 < list.length && list[f + 1][0] <= insn)
			f++;
		return f;
	}

	/* Variables by place: each place is followed back through copies to where a variable got its value. */
	names(step, state) {
		const out = new Map(), defined = new Map(), followed = new Map(), names = this.program.names;
		if (!names.length)
			return out;
		const settle = (place, name, at) => {
			for (const p of followed.get(place) || []) {
				if (name) {
					out.set(p, name);
					defined.set(p, at);
				}
			}
			followed.delete(place);
		};
		const result = (insn, reg) => (names.find((n) => !n[5] && !n[3] && n[2] === insn && n[4] === reg) || [])[0];
		const param = (insn, reg) => {
			const f = this.functionAt(insn);
			return (names.find((n) => n[3] && n[1] === f && n[4] === reg) || [])[0];
		};
		for (let p = 0; p < state.length; p++) {
			if (state[p] && p % FRAME !== 10 && p !== HELD)
				followed.set(p, [p]);
		}
		let root = step;
		for (let s = step; s >= 0 && followed.size; root = s, s = this.previous[s]) {
			const maker = this.previous[s], moves = [];
			if (maker < 0) {
				root = s;
				break;
			}
			const insn = this.program.insns[this.insn[maker]];
			for (let c = this.first[s]; c < this.first[s + 1]; c++) {
				const place = this.places[c], number = place % FRAME, frame = Math.floor(place / FRAME);
				if (!followed.has(place) || !this.writes(maker, place))
					continue;
				let name;
				if (number < SLOT && frame === this.depth[maker])
					name = result(this.insn[maker], number);
				else if (number < SLOT && frame > this.depth[maker])
					name = param(this.insn[s], number);
				const from = name || !"=lsxcf".includes(insn[1]) ? [] : this.sources(maker, place);
				const isCopy = from.length === 1 &&
					(this.memory[maker] !== NO_PLACE || frame !== this.depth[maker] || insn[1] === "=");
				if (isCopy)
					moves.push([place, from[0]]);
				else
					settle(place, name, maker);
			}
			for (const [from, to] of moves) {
				const list = followed.get(from);
				followed.delete(from);
				followed.set(to, (followed.get(to) || []).concat(list));
			}
		}
		if (this.previous[root] < 0) {
			for (let r = 1; r <= 5; r++)
				settle(r, param(this.insn[root], r), root);
		}
		for (const [a, name] of [...out]) { // given anew elsewhere
			for (const [b, same] of out) {
				if (same === name && Math.floor(a / FRAME) === Math.floor(b / FRAME) && defined.get(b) > defined.get(a))
					out.delete(a);
			}
		}
		for (let f = 0; f <= this.depth[step]; f++) {
			const call = f === this.depth[step] ? step : this.call(step, f + 1);
			const inside = call < 0 ? -1 : this.functionAt(this.insn[call]);
			for (const [name, func, , , , offset, size] of names) {
				for (let at = offset; offset && func === inside && at < offset + size; at += 8) {
					const place = f * FRAME + SLOT + Math.floor((-at - 1) / 8);
					if (!out.has(place))
						out.set(place, name);
				}
			}
		}
		return out;
	}
}

/* ---- long lists: only the rows in sight exist ---- */

const ROW = 20;

class List {
	/* fill(row, index) makes a row's contents; pick(index) is called for a click. */
	constructor(id, fill, pick) {
		this.box = document.getElementById(id);
		this.id = id;
		this.fill = fill;
		this.count = 0;
		this.current = -1;
		this.inner = document.createElement("div");
		this.box.append(this.inner);
		this.box.addEventListener("scroll", () => this.draw(), {passive: true});
		this.inner.addEventListener("click", (event) => {
			const row = event.target.closest(".row");
			if (row)
				pick(Number(row.dataset.index));
		});
		new ResizeObserver(() => this.draw()).observe(this.box);
	}
	resize(count) {
		this.count = count;
		this.inner.style.height = count * ROW + "px";
	}
	draw() {
		const from = Math.max(0, Math.floor(this.box.scrollTop / ROW) - 4);
		const to = Math.min(this.count, from + Math.ceil(this.box.clientHeight / ROW) + 9);
		const rows = [];
		for (let i = from; i < to; i++) {
			const row = document.createElement("div");
			row.className = "row";
			row.id = this.id + "-" + i;
			row.dataset.index = i;
			row.style.top = i * ROW + "px";
			row.setAttribute("role", "option");
			row.setAttribute("aria-setsize", this.count);
			row.setAttribute("aria-posinset", i + 1);
			row.setAttribute("aria-selected", i === this.current);
			this.fill(row, i);
			rows.push(row);
		}
		this.inner.replaceChildren(...rows);
	}
	/* Makes a row the current one and brings it into sight. */
	show(index) {
		this.current = index;
		const top = index * ROW, height = this.box.clientHeight;
		if (index >= 0 && height && (top < this.box.scrollTop + 2 * ROW || top > this.box.scrollTop + height - 4 * ROW))
			this.box.scrollTop = Math.max(0, top - height * 0.4);
		this.box.setAttribute("aria-activedescendant", index < 0 ? "" : this.id + "-" + index);
		this.draw();
	}
}

function make(tag, className, text) {
	const element = document.createElement(tag);
	if (className)
		element.className = className;
	if (text !== undefined)
		element.textContent = text;
	return element;
}

/* ---- colours of source text ---- */

class Painter {
	constructor(keywords) {
		this.types = new Set(["u8", "u16", "u32", "u64", "i8", "i16", "i32", "i64", "bool", "char", "int", "long", "short",
			"unsigned", "signed", "void", "str", "__u8", "__u16", "__u32", "__u64", "__be16", "__be32", "size_t"]);
		this.ks = new Set(keywords);
		this.c = new Set(["if", "else", "for", "while", "do", "return", "break", "continue", "switch", "case", "default",
			"struct", "union", "enum", "static", "const", "volatile", "inline", "goto", "sizeof", "typedef", "extern", "NULL"]);
		this.parts = /(\/\/.*|\/\*.*?(?:\*\/|$))|("(?:[^"\\]|\\.)*"?|'(?:[^'\\]|\\.)*'?)|(@\w+|#\s*\w+)|(\b\d\w*)|([A-Za-z_]\w*)|([^\w"'@\/#]+|.)/g;
	}
	/* Lines that begin inside of a comment over several lines. */
	inside(lines) {
		let is = false;
		return lines.map((text) => {
			const was = is;
			let at = 0;
			for (;;) {
				const next = text.indexOf(is ? "*/" : "/*", at);
				const line = is ? -1 : text.indexOf("//", at);
				if (next < 0 || (line >= 0 && line < next))
					return was;
				is = !is;
				at = next + 2;
			}
		});
	}
	/* Adds text to a row in colours, with the character at `mark` (from 0) underlined. */
	paint(row, text, isKs, isInside, mark) {
		const words = isKs ? this.ks : this.c, add = (kind, part, at) => {
			const holds = mark >= at && mark < at + part.length && part.trim();
			row.append(kind || holds ? make("span", (kind || "") + (holds ? " caret" : ""), part) : part);
		};
		let start = 0;
		if (isInside) {
			const end = text.indexOf("*/");
			start = end < 0 ? text.length : end + 2;
			add("c", text.slice(0, start), 0);
		}
		this.parts.lastIndex = 0;
		for (const m of text.slice(start).matchAll(this.parts)) {
			const kind = m[1] ? "c" : m[2] ? "s" : m[3] ? "a" : m[4] ? "n" :
				m[5] ? (this.types.has(m[5]) ? "t" : words.has(m[5]) ? "k" : "") : "";
			add(kind, m[0], start + m.index);
		}
	}
}

/* ---- the page ---- */

const data = JSON.parse(document.getElementById("data").textContent);
const $ = (id) => document.getElementById(id);
const painter = new Painter(data.keywords);
const insideOf = data.files.map((file) => painter.inside(file.lines));

const view = {
	trace: null, step: 0, file: -1,
	onPath: null, leaf: -1, choice: new Map(), // which child a branch leads to
	picked: -1, chain: [], chainSteps: new Set(), chainLines: new Set(),
	back: [], // where jumps came from
	lineOf: null, insnsOfLine: null, insnRows: [], rowOfInsn: null,
	matches: null, failing: -1,
};

const lists = {
	source: new List("source", fillSourceRow, pickSourceLine),
	steps: new List("steps", fillStepRow, (step) => jump(step)),
	insns: new List("insns", fillInsnRow, pickInsn),
};

function lineAt(insn) {
	const index = view.lineOf[insn];
	return !(index >= 0) ? null : view.trace.program.lines[index];
}

function placeName(place) {
	if (place === HELD)
		return "held";
	const number = place % FRAME;
	return number < SLOT ? "r" + number : "fp-" + (number - SLOT + 1) * 8;
}

function valueText(value) {
	return value ? view.trace.program.values[value][0] : "";
}

function valueWords(value) {
	return value ? view.trace.program.words[view.trace.program.values[value][1]] : "nothing known; may not be read";
}

/* ---- choosing a program ---- */

function openProgram(index) {
	const program = data.programs[index], trace = new Trace(program);
	Object.assign(view, {trace, step: -1, file: -1, leaf: -1, picked: -1, chain: [], back: [], matches: null});
	view.choice.clear();
	view.onPath = new Uint8Array(trace.count);
	view.lineOf = new Int32Array(program.insns.length).fill(-1);
	view.insnsOfLine = new Set();
	program.lines.forEach(([insn, file, line], i) => {
		const end = i + 1 < program.lines.length ? program.lines[i + 1][0] : program.insns.length;
		view.lineOf.fill(i, insn, end);
		view.insnsOfLine.add(file + ":" + line);
	});
	view.insnRows = [];
	view.rowOfInsn = new Int32Array(program.insns.length).fill(-1);
	program.insns.forEach((insn, i) => {
		if (!insn)
			return;
		view.rowOfInsn[i] = view.insnRows.length;
		view.insnRows.push(i);
	});
	view.failing = -1;
	$("strip").hidden = !trace.count;
	for (let s = trace.count - 1; s >= 0 && view.failing < 0; s--) {
		if (trace.end[s] === REFUSED)
			view.failing = s;
	}
	lists.steps.resize(trace.count);
	lists.insns.resize(view.insnRows.length);
	if (trace.count)
		showTab("steps");
	setChain(-1);
	showVerdict(program, trace);
	if (trace.count)
		go(view.failing >= 0 ? view.failing : 0);
	else
		showNothing(program);
	drawMap();
}

function count(n, one, many) {
	return n.toLocaleString("en") + " " + (n === 1 ? one : many);
}

function showVerdict(program, trace) {
	const verdict = $("verdict");
	verdict.textContent = (program.accepted ? "accepted by Linux " : "refused by Linux ") + program.kernel;
	verdict.className = program.accepted ? "good" : "bad";
	$("facts").textContent = `${program.section} · ${count(program.processed, "step", "steps")} · ` +
		`${count(trace.pathStart.length, "path", "paths")} · ${count(program.insns.length, "instruction", "instructions")}`;
	$("refusal").hidden = program.accepted;
	if (!program.accepted)
		showRefusal(program);
	$("total").textContent = trace.count ? "of " + (trace.count - 1).toLocaleString("en") : "";
	$("at").max = Math.max(0, trace.count - 1);
}

/* Text in which `words` between back quotes are code. */
function prose(tag, className, text) {
	const element = make(tag, className);
	text.split("`").forEach((part, i) => part && element.append(i % 2 ? make("code", "", part) : part));
	return element;
}

/* The refusal as a story: what is wrong, what is known, how it came to this, each part a way to its step. */
function showRefusal(program) {
	const box = $("refusal"), told = box.querySelector(".told"), list = make("ol");
	const stepOf = (insn) => { // the last time on the path
		let s = view.failing;
		while (s >= 0 && view.trace.insn[s] !== insn)
			s = view.trace.previous[s];
		return s;
	};
	box.querySelector("summary").replaceChildren(...prose("span", "", program.message.charAt(0).toUpperCase() + program.message.slice(1)).childNodes);
	const parts = program.notes.map(([insn, text]) => [insn, text, stepOf(insn)]);
	parts.push([program.insn, program.known || "Here it is refused.", view.failing]);
	for (const [insn, text, step] of parts) {
		const item = make("li"), button = make("button"), line = insn >= 0 ? lineAt(insn) : null;
		button.type = "button";
		button.disabled = step < 0;
		button.dataset.step = step;
		if (line && line[2])
			button.append(make("span", "no", line[2]), make("code", "", data.files[line[1]].lines[line[2] - 1].trim()));
		else if (insn >= 0)
			button.append(make("span", "no", insn), make("code", "", program.insns[insn][0]));
		button.append(prose("span", "note", text));
		item.append(button);
		list.append(item);
	}
	told.replaceChildren(list);
	if (program.hint)
		told.append(prose("p", "hint", program.hint));
}

function showNothing(program) {
	$("state").replaceChildren(make("h3", "", "It was refused before the first instruction was looked at."));
	$("status").textContent = program.message;
	showFile(0);
	lists.steps.show(-1);
	lists.insns.show(program.insn >= 0 ? view.rowOfInsn[program.insn] : -1);
	showTab("insns");
	showButtons();
}

/* ---- moving ---- */

/* Marks the path that leads through a step, and on along the choices to its end. */
function followPath(step) {
	const trace = view.trace;
	for (let s = step, before = trace.previous[s]; before >= 0; s = before, before = trace.previous[s]) {
		if (trace.more.has(before))
			view.choice.set(before, s);
	}
	let leaf = step;
	for (let next = following(leaf); next >= 0; next = following(leaf))
		leaf = next;
	if (leaf === view.leaf)
		return;
	view.leaf = leaf;
	view.onPath.fill(0);
	for (let s = leaf; s >= 0; s = trace.previous[s])
		view.onPath[s] = 1;
}

/* The step after this one on the chosen path. */
function following(step) {
	const trace = view.trace;
	if (!trace.more.has(step)) {
		const next = step + 1;
		return next < trace.count && trace.previous[next] === step ? next : -1;
	}
	return view.choice.get(step) ?? trace.children(step)[0];
}

function go(step) {
	if (!(step >= 0 && step < view.trace.count))
		return;
	view.step = step;
	if (!view.onPath[step] || view.leaf < 0)
		followPath(step);
	showStep();
}

/* As go, remembering where it came from. */
function jump(step) {
	if (step === view.step || step < 0)
		return;
	view.back.push(view.step);
	go(step);
}

const actions = {
	step: () => go(following(view.step)),
	back: () => go(view.trace.previous[view.step]),
	first: () => jump(0),
	last: () => jump(view.trace.count - 1),
	pathEnd: () => jump(view.leaf),
	refusal: () => jump(view.failing),
	comeBack: () => view.back.length && go(view.back.pop()),
	nextBranch: () => {
		let s = following(view.step);
		while (s >= 0 && !view.trace.more.has(s) && following(s) >= 0)
			s = following(s);
		go(s);
	},
	lastBranch: () => {
		let s = view.trace.previous[view.step];
		while (s >= 0 && !view.trace.more.has(s) && view.trace.previous[s] >= 0)
			s = view.trace.previous[s];
		go(s);
	},
	/* At a branch: the first step of the other way; elsewhere: of the last branch before. */
	otherWay: () => {
		let at = view.step;
		while (at >= 0 && !view.trace.more.has(at))
			at = view.trace.previous[at];
		if (at < 0)
			return;
		const ways = view.trace.children(at), now = ways.indexOf(following(at));
		const way = ways[(now + 1) % ways.length];
		view.choice.set(at, way);
		view.leaf = -1;
		view.onPath.fill(0);
		jump(way);
	},
};

/* ---- showing a step ---- */

function showStep() {
	const {trace, step} = view, insn = trace.insn[step], line = lineAt(insn);
	if (!trace.count)
		return;
	if (line)
		showFile(line[1]);
	lists.source.show(line && line[2] ? line[2] - 1 : -1);
	lists.steps.show(step);
	lists.insns.show(view.rowOfInsn[insn]);
	$("at").value = step;
	showState();
	showStatus();
	showButtons();
	drawMap();
}

function wayHere(step) {
	const {trace} = view, before = trace.previous[step];
	if (before < 0)
		return step ? "a function that is verified alone begins" : "the program begins";
	const insn = trace.program.insns[trace.insn[before]];
	if (insn[1] === "j") {
		const isNext = trace.insn[step] === trace.insn[before] + 1;
		return `${isNext ? "branch not taken" : "branch taken"} at ${trace.insn[before]}${trace.forks[before] ? "" : ", the only way that can be"}`;
	}
	if (trace.depth[step] > trace.depth[before])
		return "called by instruction " + trace.insn[before];
	if (trace.depth[step] < trace.depth[before])
		return "returned from frame " + trace.depth[before];
	return before === step - 1 ? "" : "another outcome of instruction " + trace.insn[before];
}

function showStatus() {
	const {trace, step} = view, way = wayHere(step), status = $("status");
	status.replaceChildren(make("b", "", `step ${step.toLocaleString("en")}`),
		` · path ${(trace.path[step] + 1).toLocaleString("en")} of ${trace.pathStart.length.toLocaleString("en")}` +
		` · ${trace.program.functions[trace.functionAt(trace.insn[step])][1]}`, way ? " · " + way : "",
		trace.end[step] ? " · " + endText(step) : "");
}

function endText(step) {
	const {trace} = view;
	if (trace.end[step] === PRUNED) {
		return trace.other[step] < 0 ? "path ends: an earlier state covers this one" :
			`path ends: the state of step ${trace.other[step]} covers this one`;
	}
	return ["", "path ends: the program is left", "", "refused here"][trace.end[step]];
}

function showButtons() {
	const {trace, step} = view, has = trace.count > 0;
	const off = {
		step: !has || following(step) < 0, back: !has || trace.previous[step] < 0,
		nextBranch: !has || following(step) < 0, lastBranch: !has || trace.previous[step] < 0,
		otherWay: !has || !trace.more.size, first: !has || step === 0,
		pathEnd: !has || step === view.leaf, refusal: view.failing < 0, comeBack: !view.back.length,
	};
	for (const button of document.querySelectorAll("#bar [data-do]"))
		button.disabled = Boolean(off[button.dataset.do]);
}

function showState() {
	const {trace, step} = view, state = trace.state(step), before = trace.previous[step];
	const old = before < 0 ? new Uint32Array(state.length) : trace.state(before);
	const names = trace.names(step, state), box = $("state"), parts = [];
	const kept = document.activeElement && document.activeElement.dataset ? document.activeElement.dataset.place : undefined;
	for (let f = trace.depth[step]; f >= 0; f--) {
		const call = f === trace.depth[step] ? step : trace.call(step, f + 1);
		const inside = trace.functionAt(trace.insn[call]);
		const head = `${trace.program.functions[inside][1]}${trace.depth[step] ? `, frame ${f}` : ""}` +
			(f < trace.depth[step] ? ` (calls at instruction ${trace.insn[call]})` : "");
		const table = make("table");
		for (let place = f * FRAME; place < (f + 1) * FRAME; place++) {
			const isNew = f <= (before < 0 ? -1 : trace.depth[before]);
			const was = isNew ? old[place] : 0, value = state[place];
			if ((value || was) && place % FRAME !== 10) // r10 is always the same
				table.append(stateRow(place, value, was, names.get(place), before >= 0 && (value !== was || trace.changes(step, place))));
		}
		parts.push(make("h3", "", head), table);
	}
	box.replaceChildren(...parts);
	if (kept !== undefined) {
		const button = box.querySelector(`[data-place="${kept}"]`);
		if (button)
			button.focus({preventScroll: true});
	}
}

function stateRow(place, value, was, name, isChanged) {
	const row = make("tr", (isChanged ? "changed" : "") + (place === view.picked ? " picked" : ""));
	const head = make("th"), button = make("button", "", placeName(place));
	head.scope = "row";
	button.type = "button";
	button.dataset.place = place;
	button.title = "Where this value came from";
	head.append(button);
	const cell = make("td", "value");
	cell.append(make("div", "", valueWords(value)));
	if (value && place !== HELD && !/^-?\d+$|^\w+\(\)$/.test(valueText(value)))
		cell.append(make("div", "text", valueText(value)));
	if (value !== was && was)
		cell.append(strike(was));
	row.append(head, make("td", "name", name || ""), cell);
	return row;
}

function strike(was) {
	const line = make("div", "was", "was ");
	line.append(make("s", "", valueWords(was)));
	return line;
}

/* ---- where a value came from ---- */

function setChain(place) {
	const {trace, step} = view, box = $("origin");
	view.picked = place;
	view.chain = place < 0 ? [] : trace.origins(step, place, 24);
	view.chainSteps = new Set(view.chain.map((o) => o.step));
	view.chainLines = new Set(view.chain.map((o) => lineAt(trace.insn[o.step])).filter(Boolean).map((l) => l[1] + ":" + l[2]));
	box.hidden = place < 0;
	if (place < 0)
		return;
	const list = make("ol"), from = make("h3", "", `Where ${placeName(place)} of step ${step} came from`);
	view.chain.forEach((o) => list.append(originRow(o)));
	if (!view.chain.length)
		list.append(make("li", "", "It was there when the program began."));
	box.replaceChildren(from, list);
}

function originRow(origin) {
	const {trace} = view, insn = trace.insn[origin.step], line = lineAt(insn), item = make("li");
	const button = make("button"), file = line && data.files[line[1]];
	button.type = "button";
	button.dataset.step = origin.step;
	button.append(make("code", "", `${insn}: ${trace.program.insns[insn][0]}`), make("span", "quiet",
		` — step ${origin.step}, ${origin.narrows ? "more is known of" : "makes"} ${placeName(origin.place)}`));
	if (line && line[2] && file.lines[line[2] - 1])
		button.append(make("br"), make("span", "quiet", `${line[2]} `), make("code", "", file.lines[line[2] - 1].trim()));
	item.append(button);
	return item;
}

/* Picks a register or slot: shows the chain and jumps to the step that made the value. */
function pick(place) {
	if (place === view.picked) {
		setChain(-1);
		showStep();
		return;
	}
	setChain(place);
	const maker = view.chain.find((o) => !o.narrows) || view.chain[0];
	if (maker)
		jump(maker.step);
	else
		showStep();
}

/* ---- rows ---- */

function fillStepRow(row, step) {
	const {trace} = view, insn = trace.insn[step], begins = step > 0 && trace.previous[step] !== step - 1;
	const text = make("span", "text", "  ".repeat(trace.depth[step]) + insn + ": " + trace.program.insns[insn][0]);
	const children = trace.more.has(step) ? trace.children(step).length : 1;
	row.classList.toggle("aside", !view.onPath[step]);
	row.classList.toggle("begins", begins);
	row.classList.toggle("now", step === view.step);
	row.classList.toggle("chain", view.chainSteps.has(step));
	row.classList.toggle("bad", step === view.failing);
	row.classList.toggle("found", Boolean(view.matches && view.matches.steps.has(step)));
	row.append(make("span", "no", step), make("span", "mark", begins ? "↳" : view.onPath[step] ? "│" : ""), text);
	if (begins)
		row.append(make("span", "tag fork", trace.previous[step] < 0 ? "begins" : "from step " + trace.previous[step]));
	if (children > 1)
		row.append(make("span", "tag fork", children + " ways"));
	else if (trace.forks[step])
		row.append(make("span", "tag fork", "other way not followed"));
	if (trace.end[step] === PRUNED)
		row.append(make("span", "tag pruned", trace.other[step] < 0 ? "pruned" : "pruned: as step " + trace.other[step]));
	else if (trace.end[step])
		row.append(make("span", "tag " + (trace.end[step] === EXIT ? "exit" : "refused"), trace.end[step] === EXIT ? "exit" : "refused"));
}

function fillInsnRow(row, index) {
	const {trace} = view, insn = view.insnRows[index], line = lineAt(insn);
	row.classList.toggle("now", view.step >= 0 && insn === trace.insn[view.step]);
	row.classList.toggle("bad", insn === trace.program.insn);
	row.classList.toggle("chain", view.chain.some((o) => trace.insn[o.step] === insn));
	row.append(make("span", "no", insn), make("span", "text", trace.program.insns[insn][0]));
	if (line && line[2] && trace.program.lines[view.lineOf[insn]][0] === insn)
		row.append(make("span", "tag line", "line " + line[2]));
}

function fillSourceRow(row, index) {
	const {trace} = view, file = data.files[view.file], key = view.file + ":" + (index + 1);
	const line = view.step < 0 || !trace.count ? null : lineAt(trace.insn[view.step]);
	const isNow = line && line[1] === view.file && line[2] === index + 1;
	const bad = trace.program.insn >= 0 ? lineAt(trace.program.insn) : null;
	row.classList.toggle("now", Boolean(isNow));
	row.classList.toggle("bad", Boolean(bad && bad[1] === view.file && bad[2] === index + 1));
	row.classList.toggle("chain", view.chainLines.has(key));
	row.classList.toggle("found", Boolean(view.matches && view.matches.lines.has(key)));
	row.append(make("span", "no", index + 1), make("span", "mark", view.insnsOfLine.has(key) ? "·" : ""));
	const text = make("span", "text");
	painter.paint(text, file.lines[index], /\.k[sh]$/.test(file.name), insideOf[view.file][index], isNow && line[3] ? line[3] - 1 : -1);
	row.append(text);
}

function showFile(index) {
	if (index === view.file || !data.files[index])
		return;
	view.file = index;
	$("file").value = index;
	lists.source.resize(data.files[index].lines.length);
}

/* The next step, from the present one on, at which an instruction is looked at; on this path if it can be. */
function nextStepAt(test) {
	const {trace} = view;
	for (const wants of [1, 0]) {
		for (let i = 1; i <= trace.count; i++) {
			const s = (view.step + i) % trace.count;
			if ((!wants || view.onPath[s]) && test(trace.insn[s]))
				return s;
		}
	}
	return -1;
}

function pickInsn(index) {
	jump(nextStepAt((insn) => insn === view.insnRows[index]));
}

function pickSourceLine(index) {
	jump(nextStepAt((insn) => {
		const line = lineAt(insn);
		return line && line[1] === view.file && line[2] === index + 1;
	}));
}

/* ---- all paths at a glance ---- */

const overview = {picture: document.createElement("canvas"), key: ""};

/* All of it but the mark of the present step; drawn anew when something else than that changes. */
function drawOverview(width, height, ratio) {
	const {trace} = view, canvas = overview.picture, pen = canvas.getContext("2d");
	canvas.width = width * ratio;
	canvas.height = height * ratio;
	pen.scale(ratio, ratio);
	const style = getComputedStyle(document.documentElement), colour = (name) => style.getPropertyValue(name).trim();
	const ends = [colour("--quiet"), colour("--good"), colour("--pruned"), colour("--bad")];
	const x = (step) => step / trace.count * width;
	trace.pathStart.forEach((start, p) => {
		const end = p + 1 < trace.pathStart.length ? trace.pathStart[p + 1] : trace.count;
		pen.fillStyle = ends[trace.end[end - 1]];
		pen.globalAlpha = p % 2 ? 0.55 : 0.85;
		pen.fillRect(x(start), 3, Math.max(0.5, x(end) - x(start)), height - 12);
	});
	pen.globalAlpha = 1;
	pen.fillStyle = colour("--accent");
	for (let s = view.leaf, end = s; s >= 0; s = trace.previous[s]) { // runs of the present path
		if (trace.previous[s] === s - 1 && s)
			continue;
		pen.fillRect(x(s), height - 7, Math.max(1, x(end + 1) - x(s)), 4);
		end = trace.previous[s];
	}
}

function drawMap() {
	const canvas = $("map"), {trace} = view, ratio = window.devicePixelRatio || 1;
	const width = canvas.clientWidth, height = canvas.clientHeight;
	const key = [$("program").value, view.leaf, width, height, ratio, document.documentElement.dataset.theme].join();
	canvas.width = width * ratio;
	canvas.height = height * ratio;
	if (!trace.count || !width)
		return;
	if (key !== overview.key)
		drawOverview(width, height, ratio);
	overview.key = key;
	const pen = canvas.getContext("2d");
	pen.drawImage(overview.picture, 0, 0);
	pen.scale(ratio, ratio);
	pen.fillStyle = getComputedStyle(document.documentElement).getPropertyValue("--text").trim();
	pen.fillRect(Math.min(width - 2, view.step / trace.count * width), 0, 2, height);
}

/* ---- search ---- */

function search(text) {
	const {trace} = view, wanted = text.toLowerCase();
	if (!wanted) {
		view.matches = null;
		$("found").textContent = "";
		showStep();
		return;
	}
	const steps = new Set(), lines = new Set();
	const inValue = trace.program.values.map((v) =>
		v[0].toLowerCase().includes(wanted) || trace.program.words[v[1]].toLowerCase().includes(wanted));
	const inInsn = trace.program.insns.map((insn) => Boolean(insn) && insn[0].toLowerCase().includes(wanted));
	data.files.forEach((file, f) => file.lines.forEach((line, i) => {
		if (line.toLowerCase().includes(wanted))
			lines.add(f + ":" + (i + 1));
	}));
	const inLine = trace.program.lines.map(([, file, line]) => lines.has(file + ":" + line));
	for (let s = 0; s < trace.count; s++) {
		let is = inInsn[trace.insn[s]] || inLine[view.lineOf[trace.insn[s]]];
		for (let c = trace.first[s]; !is && c < trace.first[s + 1]; c++)
			is = trace.values[c] && inValue[trace.values[c]];
		if (is)
			steps.add(s);
	}
	view.matches = {steps, lines, list: [...steps]};
	$("found").textContent = `${count(lines.size, "line", "lines")}, ${count(steps.size, "step", "steps")}`;
	showStep();
}

function nextMatch(direction) {
	const list = view.matches ? view.matches.list : [];
	if (!list.length)
		return;
	let i = list.findIndex((s) => s >= view.step);
	if (direction > 0)
		i = list.findIndex((s) => s > view.step);
	else
		i = (i < 0 ? list.length : i) - 1;
	jump(list[(i + (direction > 0 && i < 0 ? 1 : 0) + list.length) % list.length]);
}

/* ---- keys, theme ---- */

const keys = [
	["j ↓ →", "one step on along this path", actions.step, ["j", "ArrowDown", "ArrowRight"]],
	["k ↑ ←", "one step back", actions.back, ["k", "ArrowUp", "ArrowLeft"]],
	["b / B", "on to the next branch, back to the one before", actions.nextBranch, ["b"]],
	["", "", actions.lastBranch, ["B"]],
	["n", "take the other way at this branch (or the last one before)", actions.otherWay, ["n"]],
	["e", "end of this path", actions.pathEnd, ["e"]],
	["g / G", "first step, last step", actions.first, ["g", "Home"]],
	["", "", actions.last, ["G", "End"]],
	["r", "where the program is refused", actions.refusal, ["r"]],
	["u", "return to where you jumped from", actions.comeBack, ["u", "Backspace"]],
	["0 … 9", "where that register's value came from", null, []],
	["Escape", "forget the chain and the search", clear, ["Escape"]],
	["/", "search; then Enter and Shift Enter, or ] and [", () => $("search").focus(), ["/"]],
	["", "", () => nextMatch(1), ["]"]],
	["", "", () => nextMatch(-1), ["["]],
	["i", "steps or instructions in the middle", () => showTab($("insns").hidden ? "insns" : "steps"), ["i"]],
	["t", "light or dark", changeTheme, ["t"]],
	["?", "this list", () => $("help").showModal(), ["?"]],
];

function clear() {
	setChain(-1);
	$("search").value = "";
	search("");
}

function onKey(event) {
	if (event.ctrlKey || event.metaKey || event.altKey || $("help").open)
		return;
	const target = event.target, isTyping = target.matches("input, select");
	if (isTyping) {
		if (event.key === "Escape")
			target.blur();
		return;
	}
	if (/^[0-9]$/.test(event.key)) {
		pick(view.trace.depth[view.step] * FRAME + Number(event.key));
		return;
	}
	const inTab = target.matches("[role=tab], summary") && event.key.startsWith("Arrow");
	const row = keys.find((k) => k[3].includes(event.key));
	if (!row || !row[2] || inTab || !view.trace.count)
		return;
	event.preventDefault();
	row[2]();
}

function showTab(id) {
	for (const name of ["steps", "insns"]) {
		$(name).hidden = name !== id;
		$("tab-" + name).setAttribute("aria-selected", name === id);
	}
	lists[id].show(lists[id].current);
}

function store(name, value) {
	try {
		if (value !== undefined)
			localStorage.setItem(name, value);
		return localStorage.getItem(name);
	} catch {
		return null; // a file opened from disk may have no storage
	}
}

function setTheme(theme) {
	document.documentElement.dataset.theme = theme;
	$("theme").textContent = theme === "dark" ? "Light" : "Dark";
	if (view.trace)
		drawMap();
}

function changeTheme() {
	const theme = document.documentElement.dataset.theme === "dark" ? "light" : "dark";
	store("ks-theme", theme);
	setTheme(theme);
}

function start() {
	const system = matchMedia("(prefers-color-scheme: dark)");
	setTheme(store("ks-theme") || (system.matches ? "dark" : "light"));
	system.addEventListener("change", () => store("ks-theme") || setTheme(system.matches ? "dark" : "light"));
	$("input").textContent = data.input;
	data.programs.forEach((p, i) => $("program").append(new Option(p.name + (p.accepted ? "" : " (refused)"), i)));
	data.files.forEach((f, i) => $("file").append(new Option(f.name + (f.whole ? "" : " (only lines that the object knows)"), i)));
	$("program").addEventListener("change", () => openProgram(Number($("program").value)));
	$("file").addEventListener("change", () => {
		showFile(Number($("file").value));
		lists.source.show(-1);
	});
	$("theme").addEventListener("click", changeTheme);
	$("keys").addEventListener("click", () => $("help").showModal());
	$("bar").addEventListener("click", (event) => {
		const button = event.target.closest("[data-do]");
		if (button)
			actions[button.dataset.do]();
	});
	$("at").addEventListener("change", () => jump(Number($("at").value)));
	$("search").addEventListener("input", () => search($("search").value));
	$("search").addEventListener("keydown", (event) => event.key === "Enter" && nextMatch(event.shiftKey ? -1 : 1));
	$("state").addEventListener("click", (event) => {
		const button = event.target.closest("[data-place]");
		if (button)
			pick(Number(button.dataset.place));
	});
	for (const id of ["origin", "refusal"]) {
		$(id).addEventListener("click", (event) => {
			const button = event.target.closest("[data-step]");
			if (button)
				jump(Number(button.dataset.step));
		});
	}
	for (const name of ["steps", "insns"])
		$("tab-" + name).addEventListener("click", () => showTab(name));
	$("map").addEventListener("click", (event) =>
		jump(Math.min(view.trace.count - 1, Math.floor(event.offsetX / $("map").clientWidth * view.trace.count))));
	keys.filter((k) => k[0]).forEach((k) => $("help").querySelector("dl").append(make("dt", "", k[0]), make("dd", "", k[1])));
	document.addEventListener("keydown", onKey);
	window.addEventListener("resize", drawMap);
	const refused = data.programs.findIndex((p) => !p.accepted);
	$("program").value = Math.max(0, refused);
	openProgram(Math.max(0, refused));
	document.documentElement.dataset.ready = "yes";
}

start();
