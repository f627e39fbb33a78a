// picture: a ring of names up to 60 nodes, a grid of cells above.  Positions
// follow the order of nodes alone, so nothing jumps between two looks.
import { keyed, s, say } from './dom.js';
import { shape } from './marks.js';
import { visible } from './text.js';

const W = 1000, H = 600, RX = 360, RY = 235, RING_MOST = 60;

function place(i, n) {
	if (n > RING_MOST) {
		const columns = Math.ceil(Math.sqrt(n * W / H)), cell = W / columns;
		const rows = Math.ceil(n / columns), tall = Math.min(cell, H / rows);
		return { x: (i % columns + 0.5) * cell, y: (Math.floor(i / columns) + 0.5) * tall, r: Math.min(cell, tall) * 0.3 };
	}
	const angle = 2 * Math.PI * i / n - Math.PI / 2;
	return { x: W / 2 + Math.cos(angle) * RX, y: H / 2 + Math.sin(angle) * RY, r: n > 30 ? 11 : 16, angle };
}

function label(at, n) {
	if (n > RING_MOST) return { x: 0, y: at.r + 14, anchor: 'middle' };
	const c = Math.cos(at.angle), r = at.r + 14;
	const side = Math.abs(c) < 0.25 ? 'middle' : c > 0 ? 'start' : 'end';
	return { x: side === 'middle' ? 0 : Math.sign(c) * r, y: side === 'middle' ? Math.sin(at.angle) * (r + 12) + 5 : 5, anchor: side };
}

// Names everywhere on a ring; in a grid only where something is the matter.
function nameOf(node, n) {
	return n <= RING_MOST || node.state !== 'healthy' && n <= 600 ? visible(node.name) : '';
}

function curve(from, to) {
	const mx = (from.x + to.x) / 2, my = (from.y + to.y) / 2;
	return `M${from.x} ${from.y}Q${(mx + W / 2) / 2} ${(my + H / 2) / 2} ${to.x} ${to.y}`;
}

function drawNode(g, node, at, n, held) {
	const look = `${node.state} ${n > RING_MOST}`;
	g.setAttribute('transform', `translate(${at.x.toFixed(1)} ${at.y.toFixed(1)})`);
	g.setAttribute('class', `node ${node.state}${held ? ' is-held' : ''}`);
	g.setAttribute('aria-label', `${visible(node.name)}: ${node.state}`);
	g.setAttribute('aria-pressed', String(held));
	if (g.dataset.look !== look) {
		g.dataset.look = look;
		const halo = node.state === 'quarantined' || node.state === 'attacked';
		const where = label(at, n);
		g.replaceChildren(
			...(halo ? [s('circle', { class: 'halo fresh', r: at.r * 2.1 })] : []),
			s('circle', { class: 'reach', r: at.r * 1.7 }), ...shape(node.state, at.r),
			s('text', { x: where.x, y: where.y, 'text-anchor': where.anchor }));
	}
	say(g.lastElementChild, nameOf(node, n));
}

// The voices against (or of) the incidents that hold, or of the node in hand.
function lines(state, held, at) {
	const list = [];
	for (const incident of state.incidents) {
		if (held ? incident.name !== held : incident.level !== 'quarantine') continue;
		const to = at.get(incident.name);
		const voters = new Set(incident.voters.map((v) => v.name));
		for (const voice of incident.voters)
			if (at.has(voice.name) && to)
				list.push({ key: `v${incident.id}${voice.name}`, kind: voice.good ? 'vote' : 'vote bad', d: curve(at.get(voice.name), to) });
		for (const voice of incident.witnesses)
			if (at.has(voice.name) && to && !voters.has(voice.name))
				list.push({ key: `w${incident.id}${voice.name}`, kind: 'word', d: curve(at.get(voice.name), to) });
	}
	return list;
}

export function draw(svg, state, held, hold) {
	const n = state.nodes.length;
	if (!svg.firstElementChild)
		svg.append(s('ellipse', { class: 'track', cx: W / 2, cy: H / 2, rx: RX, ry: RY }), s('g'), s('g'));
	const [track, under, over] = svg.children;
	track.setAttribute('visibility', n > 1 && n <= RING_MOST ? 'visible' : 'hidden');
	const at = new Map(state.nodes.map((node, i) => [node.name, place(i, n)]));
	keyed(under, lines(state, held, at), (l) => l.key, () => s('path'), (path, l) => {
		path.setAttribute('class', `${l.kind} fresh`);
		path.setAttribute('d', l.d);
	});
	keyed(over, state.nodes, (node) => node.name, (node) => {
		const g = s('g', { tabindex: '0', role: 'button' });
		g.addEventListener('click', () => hold(node.name));
		g.addEventListener('keydown', (event) => {
			if (event.key !== 'Enter' && event.key !== ' ') return;
			event.preventDefault();
			hold(node.name);
		});
		return g;
	}, (g, node) => drawNode(g, node, at.get(node.name), n, node.name === held));
}
