// picture: three canvases, since a frame costs what its canvas covers.  The
// lowest holds the nodes and is drawn when they change; the top one holds votes,
// focus and hover; what pulses lies in between, in one no larger than that
// needs.  A calm mesh draws no frame at all.
import { along, bend, lay } from './layout.js';
import { CROSS, OUTLINE, RANK, STATES } from './marks.js';
import { model, stateOf, zoneOf } from './model.js';
import { visible } from './text.js';

const HOT_MS = 10000, COOL_MS = 100; // pulses: every frame at first, then ten a second
const WIDE = 0.2, WIDE_MS = 50;      // over so much of the surface: twenty a second at first
const FLIGHT_MS = 700, PULSE_MS = 2400, PULSES_MOST = 48, FLIGHTS_MOST = 100, NAMES_MOST = 60, SILENT_MOST = 12;
const SPRITES_MOST = 40;
const CROWD = 200; // so many marks on cells are no larger than these
const outline = Object.fromEntries(STATES.map((state) => [state, new Path2D(OUTLINE[state])]));
const cross = new Path2D(CROSS);
const still = matchMedia('(prefers-reduced-motion: reduce)');

const stage = document.getElementById('stage');
const [lower, middle, upper] = stage.querySelectorAll('canvas');
const under = lower.getContext('2d'), pulse = middle.getContext('2d'), over = upper.getContext('2d');

let w = 0, h = 0, dpr = 1;
let places = null, view = 'ring';
let look = { held: -1, hover: -1, cursor: -1, test: null, lines: [], subject: -1, lit: new Set() };
let colours = {};
let flights = []; // { from, to, good, start }
let pulsing = [], wide = false; // who pulses; over much of the surface?
const sprites = new Map(); // marks and glows, painted once for a size
let hot = 0, frame = 0, beat = 0, timer = 0;

export function takeColours() {
	const style = getComputedStyle(document.documentElement);
	for (const name of ['back', 'panel', 'line', 'ink', 'soft', 'accent', 'calm', 'alert', 'cut', 'gone', 'on-shape', 'glow'])
		colours[name] = style.getPropertyValue(`--${name}`).trim();
	colours.state = { healthy: colours.calm, attacked: colours.alert, restricted: colours.cut, quarantined: colours.cut, unreachable: colours.gone };
	colours.font = getComputedStyle(document.body).fontFamily;
	sprites.clear();
}

// To give a canvas its size empties it and takes time: only where it changes.
function resize(canvas, across, down) {
	const [x, y] = [Math.round(across * dpr), Math.round(down * dpr)];
	if (canvas.width !== x) canvas.width = x;
	if (canvas.height !== y) canvas.height = y;
}

function measure() {
	const box = stage.getBoundingClientRect(), ratio = Math.min(2, devicePixelRatio || 1);
	if (ratio !== dpr) sprites.clear();
	dpr = ratio;
	w = Math.max(200, Math.round(box.width));
	h = Math.max(160, Math.round(box.height));
	for (const [canvas, context] of [[lower, under], [upper, over]]) {
		resize(canvas, w, h);
		context.setTransform(dpr, 0, 0, dpr, 0, 0);
	}
}

// Positions follow the nodes, the view and the surface, nothing else.  To be
// followed by show(), which paints them.
export function replace(newView) {
	view = newView;
	if (view === 'table') return;
	measure();
	places = lay(view, { order: model.order, size: model.size, zoneOf }, w, h);
}

export const place = (i) => ({ x: places.x[i], y: places.y[i] });

// ---- lower ---------------------------------------------------------------------

function write(context, text, x, y, { align = 'center', colour = colours.ink, size = 12, weight = 400, room } = {}) {
	context.font = `${weight} ${size}px ${colours.font}`;
	context.textAlign = align;
	context.textBaseline = 'middle';
	context.fillStyle = colour;
	let shown = text;
	while (room && shown.length > 3 && context.measureText(shown).width > room) shown = `${shown.slice(0, -2).trimEnd()}…`;
	context.fillText(shown, x, y);
}

function drawShape(context, state, r) {
	context.scale(r, r);
	if (state === 'unreachable') {
		context.lineWidth = Math.min(0.34, 2.4 / r);
		context.strokeStyle = colours.gone;
		context.stroke(outline[state]);
	} else {
		context.fillStyle = colours.state[state];
		context.fill(outline[state]);
	}
	if (state === 'quarantined') {
		context.lineWidth = 0.26;
		context.lineCap = 'round';
		context.strokeStyle = colours['on-shape'];
		context.stroke(cross);
	}
}

function drawGlow(context, state, r) {
	const light = context.createRadialGradient(0, 0, r * 0.5, 0, 0, r * 3.2);
	light.addColorStop(0, colours.state[state]);
	light.addColorStop(1, 'transparent');
	context.globalAlpha = Number(colours.glow);
	context.fillStyle = light;
	context.fillRect(-r * 3.2, -r * 3.2, r * 6.4, r * 6.4);
}

const drawLit = (context, state, r) => circle(context, 0, 0, r, colours.accent, 1.6);

// Thousands of the same: each is painted once, then copied.
function stamp(onto, draw, state, reach, x, y, r) {
	const key = `${draw.name} ${state} ${r}`;
	if (!sprites.has(key)) {
		const half = Math.ceil(r * reach * dpr) + 1, canvas = new OffscreenCanvas(2 * half, 2 * half), context = canvas.getContext('2d');
		context.setTransform(dpr, 0, 0, dpr, half, half);
		draw(context, state, r);
		if (sprites.size >= SPRITES_MOST) sprites.clear(); // sizes of windows that are gone
		sprites.set(key, canvas);
	}
	const canvas = sprites.get(key), half = canvas.width / 2 / dpr;
	onto.drawImage(canvas, x - half, y - half, 2 * half, 2 * half);
}

// Observe mode: a broken circle around it.  Drift: a mark at its shoulder.
function drawSigns(i, x, y, r) {
	if (model.mode[i] === 1) {
		under.setLineDash([3, 3]);
		under.lineWidth = 1.3;
		under.strokeStyle = colours.soft;
		under.beginPath();
		under.arc(x, y, r * 1.65, 0, 7);
		under.stroke();
		under.setLineDash([]);
	}
	if (model.drift[i] === 1) {
		under.fillStyle = colours.alert;
		under.beginPath();
		under.arc(x + r * 1.1, y - r * 1.1, Math.max(4.5, r * 0.5), 0, 7);
		under.fill();
		write(under, '!', x + r * 1.1, y - r * 1.1 + 0.5, { colour: colours.panel, size: Math.max(8, r * 0.85), weight: 800 });
	}
}

// The score of a healthy node is its shade.
const shade = (i) => 0.62 + 0.038 * Math.min(10, model.score[i]);

// The healthy as one pixel each, scaled up without smoothing; then the gaps.
function drawCells() {
	const [red, green, blue] = colours.calm.match(/[0-9a-f]{2}/gi).map((digits) => parseInt(digits, 16));
	under.imageSmoothingEnabled = false;
	for (const { x, y, cell, columns, members } of places.boxes) {
		const rows = Math.ceil(members.length / columns), small = new OffscreenCanvas(columns, rows), context = small.getContext('2d');
		const image = context.createImageData(columns, rows), { data } = image;
		members.forEach((i, m) => {
			if (stateOf(i) !== 'healthy') return;
			const alpha = look.test && !look.test(i) ? 0.1 : shade(i);
			data.set([red, green, blue, Math.round(255 * alpha)], 4 * m);
		});
		context.putImageData(image, 0, 0);
		under.drawImage(small, x, y, columns * cell, rows * cell);
		const gap = cell >= 4 ? 1 : 0;
		for (let k = 1; gap && k <= columns; k++) under.clearRect(x + k * cell - gap, y, gap, rows * cell);
		for (let k = 1; gap && k <= rows; k++) under.clearRect(x, y + k * cell - gap, columns * cell, gap);
	}
	under.imageSmoothingEnabled = true;
}

function abnormal() {
	return model.order.filter((i) => stateOf(i) !== 'healthy' || model.drift[i] === 1 || model.mode[i] === 1);
}

const alarming = (i) => stateOf(i) === 'quarantined' || stateOf(i) === 'attacked';

function drawNode(i, r) {
	const x = places.x[i], y = places.y[i], state = stateOf(i);
	const pale = look.test && !look.test(i);
	under.globalAlpha = pale ? 0.14 : 1;
	if (alarming(i) && !pale) stamp(under, drawGlow, state, 3.2, x, y, r);
	under.globalAlpha = pale ? 0.14 : state === 'healthy' ? shade(i) + 0.1 : 1;
	stamp(under, drawShape, state, 1.4, x, y, r);
	drawSigns(i, x, y, r);
	under.globalAlpha = 1;
}

// Names where something is the matter, as long as they find room.
function drawNames(list, r) {
	const box = (i) => [places.x[i] - r, places.y[i] - r, places.x[i] + r, places.y[i] + r];
	const grave = list.filter((i) => stateOf(i) !== 'unreachable'), silent = list.length - grave.length;
	const taken = grave.slice(0, NAMES_MOST).map(box); // no name on top of a mark
	// Who is silent is named as long as they are few.
	for (const i of silent > SILENT_MOST ? grave.slice(0, NAMES_MOST) : list.slice(0, NAMES_MOST)) {
		const text = visible(model.name[i]), x = places.x[i];
		under.font = `650 12px ${colours.font}`;
		const half = under.measureText(text).width / 2 + 3;
		const centre = Math.min(Math.max(x, half + 2), w - half - 2);
		for (const y of [places.y[i] - r - 11, places.y[i] + r + 12]) {
			const room = [centre - half, y - 8, centre + half, y + 8];
			if (y < 8 || y > h - 8 || taken.some((t) => room[0] < t[2] && room[2] > t[0] && room[1] < t[3] && room[3] > t[1])) continue;
			taken.push(room);
			under.globalAlpha = 0.78;
			under.fillStyle = colours.panel;
			under.fillRect(room[0], room[1], room[2] - room[0], 16);
			under.globalAlpha = 1;
			write(under, text, centre, y, { weight: 650 });
			break;
		}
	}
}

function drawRingName(i) {
	const c = Math.cos(places.angle[i]), s = Math.sin(places.angle[i]), away = places.r * 1.55 + 8;
	const align = Math.abs(c) < 0.2 ? 'center' : c > 0 ? 'left' : 'right';
	const x = places.x[i] + (align === 'center' ? 0 : Math.sign(c) * away), y = places.y[i] + (align === 'center' ? Math.sign(s) * (away + 6) : 0);
	const room = align === 'center' ? 130 : Math.max(30, (c > 0 ? w - x : x) - 6);
	under.globalAlpha = look.test && !look.test(i) ? 0.25 : 1;
	write(under, visible(model.name[i]), x, y, { align, room, size: w < 480 ? 11 : 12.5, weight: stateOf(i) === 'healthy' ? 400 : 650 });
	under.globalAlpha = 1;
}

function drawFrame() {
	under.strokeStyle = colours.line;
	under.lineWidth = 1;
	for (const c of places.circles) {
		under.beginPath();
		under.arc(c.x, c.y, c.r, 0, 7);
		under.stroke();
	}
	if (places.track) {
		under.beginPath();
		under.ellipse(places.track.x, places.track.y, places.track.rx, places.track.ry, 0, 0, 7);
		under.stroke();
	}
	for (const label of places.labels)
		write(under, `${visible(label.text) || 'no zone'} · ${label.n}`, label.x, label.y, { align: label.anchor, colour: colours.soft, size: 11.5, room: label.room });
}

function redraw() {
	if (!places || view === 'table') return;
	under.clearRect(0, 0, w, h);
	drawFrame();
	const odd = abnormal();
	const isOdd = new Set(odd);
	const r = places.r, big = !places.cells ? r * 1.15 : odd.length > CROWD ? r * 0.8 : Math.max(7, Math.min(r, 11));
	if (places.cells) drawCells();
	else for (const i of model.order) if (!isOdd.has(i)) drawNode(i, r);
	// The worst on top, and their names first.
	odd.sort((a, b) => RANK[stateOf(b)] - RANK[stateOf(a)]);
	for (const i of odd) drawNode(i, big);
	if (places.angle && places.all) model.order.forEach(drawRingName);
	else drawNames(odd.filter((i) => !look.test || look.test(i)).reverse(), big);
	framePulses(odd);
	move();
}

// ---- upper ---------------------------------------------------------------------

function circle(context, x, y, r, colour, width = 2) {
	context.lineWidth = width;
	context.strokeStyle = colour;
	context.beginPath();
	context.arc(x, y, r, 0, 7);
	context.stroke();
}

function curve(from, to) {
	const by = bend(from, to, { x: w / 2, y: h / 2 });
	over.beginPath();
	over.moveTo(from.x, from.y);
	over.quadraticCurveTo(by.x, by.y, to.x, to.y);
	over.stroke();
}

// Edges of a full mesh say nothing; chords belong to the node in hand alone.
function drawChords() {
	if (view !== 'ring' || look.held < 0 || look.lines.length > 0) return;
	over.strokeStyle = colours.soft;
	over.lineWidth = 1;
	over.globalAlpha = 0.35;
	over.setLineDash([2, 5]);
	for (const i of model.order) if (i !== look.held) curve(place(look.held), place(i));
	over.setLineDash([]);
	over.globalAlpha = 1;
}

const LINE = {
	vote: { colour: 'calm', dash: [], width: 1.7, alpha: 0.85 },
	bad: { colour: 'alert', dash: [6, 5], width: 1.7, alpha: 0.9 },
	witness: { colour: 'cut', dash: [1.5, 5], width: 1.5, alpha: 0.9 },
};

function drawLines() {
	for (const line of look.lines) {
		const kind = LINE[line.kind];
		over.strokeStyle = colours[kind.colour];
		over.lineWidth = kind.width;
		over.globalAlpha = kind.alpha;
		over.setLineDash(kind.dash);
		curve(place(line.from), place(line.to));
	}
	over.setLineDash([]);
	over.globalAlpha = 1;
	for (const i of look.lit) stamp(over, drawLit, 'lit', 1.3, places.x[i], places.y[i], Math.max(6, places.r * 1.55));
}

function drawFlights(t) {
	flights = flights.filter((flight) => t < flight.start + FLIGHT_MS);
	for (const flight of flights) {
		if (t < flight.start) continue;
		const from = place(flight.from), to = place(flight.to);
		const at = along(from, bend(from, to, { x: w / 2, y: h / 2 }), to, (t - flight.start) / FLIGHT_MS);
		over.fillStyle = flight.good ? colours.accent : colours.alert;
		over.beginPath();
		over.arc(at.x, at.y, 4, 0, 7);
		over.fill();
	}
}

function drawFocus() {
	const r = Math.max(7, places.r);
	if (look.held >= 0) circle(over, places.x[look.held], places.y[look.held], r * 1.75, colours.ink, 2);
	if (look.hover >= 0) circle(over, places.x[look.hover], places.y[look.hover], r * 1.5, colours.accent, 1.5);
	if (look.cursor >= 0) {
		over.setLineDash([4, 3]);
		circle(over, places.x[look.cursor], places.y[look.cursor], r * 2.05, colours.accent, 2);
		over.setLineDash([]);
	}
}

function paint(t) {
	frame = 0;
	if (!places || view === 'table') return;
	over.clearRect(0, 0, w, h);
	drawChords();
	drawLines();
	drawFlights(t);
	drawFocus();
	if (flights.length > 0 && !still.matches && !document.hidden) frame = requestAnimationFrame(paint);
}

// One frame of the upper canvas; it asks for the next one itself while anything flies.
function move() {
	if (still.matches) paint(performance.now());
	else if (frame === 0) frame = requestAnimationFrame(paint);
}

// ---- between: pulses -----------------------------------------------------------------

const pulseReach = () => Math.max(8, places.r) * 2.9 + 2;

// The canvas covers whoever pulses, and no more.
function framePulses(odd) {
	pulsing = odd.filter(alarming).slice(-PULSES_MOST);
	middle.hidden = pulsing.length === 0;
	if (middle.hidden) return;
	const xs = pulsing.map((i) => places.x[i]), ys = pulsing.map((i) => places.y[i]), reach = pulseReach();
	const left = Math.floor(Math.max(0, Math.min(...xs) - reach)), top = Math.floor(Math.max(0, Math.min(...ys) - reach));
	const across = Math.ceil(Math.min(w, Math.max(...xs) + reach)) - left, down = Math.ceil(Math.min(h, Math.max(...ys) + reach)) - top;
	resize(middle, across, down);
	pulse.setTransform(dpr, 0, 0, dpr, -left * dpr, -top * dpr);
	Object.assign(middle.style, { left: `${left}px`, top: `${top}px`, width: `${across}px`, height: `${down}px` });
	wide = across * down > WIDE * w * h;
	throb();
}

function paintPulses(t) {
	beat = 0;
	if (middle.hidden || view === 'table') return;
	const u = still.matches ? 0.35 : t % PULSE_MS / PULSE_MS, r = Math.max(8, places.r);
	pulse.clearRect(0, 0, w, h);
	pulse.globalAlpha = 0.75 * (1 - u);
	for (const i of pulsing) circle(pulse, places.x[i], places.y[i], r * (1.5 + 1.4 * u), colours.state[stateOf(i)], 1.8);
	if (still.matches || document.hidden) return;
	if (t < hot && !wide) beat = requestAnimationFrame(paintPulses);
	else timer = setTimeout(throb, t < hot ? WIDE_MS : COOL_MS);
}

// One frame of the pulses; it asks for the next one itself.
function throb() {
	clearTimeout(timer);
	if (still.matches) paintPulses(performance.now());
	else if (beat === 0) beat = requestAnimationFrame(paintPulses);
}

// ---- what others ask for ----------------------------------------------------------

// Something is new: pulses run at full rate for a while.
export function excite() {
	hot = performance.now() + HOT_MS;
	if (!middle.hidden) throb();
}

// below: does it concern the lower canvas too?
export function show(change, below) {
	look = { ...look, ...change };
	if (below) redraw();
	else move();
}

export function fly(from, to, good) {
	if (still.matches || !places || view === 'table' || from === undefined || to === undefined) return;
	if (flights.length < FLIGHTS_MOST) flights.push({ from, to, good, start: performance.now() });
	move();
}

// The node under a point, or -1.
export function nodeAt(x, y) {
	if (!places) return -1;
	let best = -1, least = Math.max(12, places.r * 1.6) ** 2;
	for (const i of model.order) {
		const dx = places.x[i] - x, dy = places.y[i] - y, far = dx * dx + dy * dy;
		if (far < least) [best, least] = [i, far];
	}
	return best;
}

// The next node from here in a direction, for the arrow keys.
export function neighbour(i, dx, dy) {
	let best = i, least = Infinity;
	for (const k of model.order) {
		const ahead = (places.x[k] - places.x[i]) * dx + (places.y[k] - places.y[i]) * dy;
		const aside = Math.abs((places.x[k] - places.x[i]) * dy) + Math.abs((places.y[k] - places.y[i]) * dx);
		if (ahead > 0.5 && ahead + 2 * aside < least) [best, least] = [k, ahead + 2 * aside];
	}
	return best;
}

function resume() {
	if (document.hidden) return;
	move();
	if (!middle.hidden) throb();
}

still.addEventListener('change', resume);
document.addEventListener('visibilitychange', resume);
