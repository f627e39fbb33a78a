// layout: where each node stands.  Pure: the same nodes in the same order on
// the same surface stand in the same places, in every tab and after a reload.
export const RING_MOST = 60;
export const ZONES_MOST = 600;

const GOLDEN = Math.PI * (3 - Math.sqrt(5));
const ASPECTS = [1.7, 2.2, 3]; // of a zone's cells: width to height

function blank(size) {
	return { x: new Float32Array(size), y: new Float32Array(size), r: 8, labels: [], circles: [], all: false };
}

// order: indices; size: length of the columns
function ring(order, size, w, h) {
	const places = { ...blank(size), all: w >= 480 || order.length <= 16, angle: new Float32Array(size) };
	const n = order.length, narrow = w < 480;
	const ry = Math.max(40, h / 2 - (narrow ? 40 : 46));
	const rx = Math.max(40, Math.min(w / 2 - (narrow ? 74 : 130), ry * 1.75));
	places.r = Math.max(5, Math.min(n <= 12 ? 13 : 9, Math.PI * (rx + ry) / n / 3));
	order.forEach((i, k) => {
		const angle = 2 * Math.PI * k / n - Math.PI / 2;
		places.angle[i] = angle;
		places.x[i] = w / 2 + Math.cos(angle) * rx;
		places.y[i] = h / 2 + Math.sin(angle) * ry;
	});
	places.track = { x: w / 2, y: h / 2, rx, ry };
	return places;
}

// Groups of neighbours in order, the largest first.
function groups(order, zoneOf) {
	const by = new Map();
	for (const i of order) {
		const zone = zoneOf(i);
		if (!by.has(zone)) by.set(zone, []);
		by.get(zone).push(i);
	}
	return [...by].map(([name, members]) => ({ name, members })).sort((a, b) => b.members.length - a.members.length || (a.name < b.name ? -1 : 1));
}

// Boxes on shelves from the top left; null when they do not fit.
function shelve(boxes, w, h, gap, title) {
	const shelves = [];
	let shelf = null, y = 0;
	for (const box of boxes) {
		if (!shelf || shelf.used + box.w > w) {
			if (box.w > w) return null;
			shelf = { used: 0, y, tall: box.h, boxes: [] };
			shelves.push(shelf);
			y += box.h + title + gap;
		}
		shelf.boxes.push({ ...box, x: shelf.used });
		shelf.used += box.w + gap;
	}
	return y - gap <= h ? { shelves, tall: y - gap } : null;
}

// The largest scale at which everything fits.
function fit(least, most, attempt) {
	let best = attempt(least);
	for (let low = least, high = most, k = 0; k < 22; k++) {
		const middle = (low + high) / 2, found = attempt(middle);
		if (found) [low, best] = [middle, found];
		else high = middle;
	}
	return best;
}

function zones(order, size, w, h, zoneOf) {
	const places = blank(size), list = groups(order, zoneOf), edge = 12, title = 24;
	const found = fit(1, 34, (scale) => {
		const boxes = list.map((group) => {
			const across = 2 * (scale * Math.sqrt(group.members.length) + scale * 0.6) + 8;
			return { group, scale, w: across, h: across };
		});
		return shelve(boxes, w - 2 * edge, h - 2 * edge, 14, title);
	});
	if (!found) return grid(order, size, w, h, zoneOf);
	const spare = (h - 2 * edge - found.tall) / (found.shelves.length + 1);
	found.shelves.forEach((shelf, row) => {
		const between = (w - 2 * edge - shelf.used + 14) / (shelf.boxes.length + 1);
		shelf.boxes.forEach((box, k) => {
			const radius = box.w / 2, cx = edge + box.x + radius + between * (k + 1);
			const cy = edge + shelf.y + title + spare * (row + 1) + shelf.tall / 2;
			places.circles.push({ x: cx, y: cy, r: radius });
			places.labels.push({ text: box.group.name, n: box.group.members.length, x: cx, y: cy - radius - 8, anchor: 'center' });
			box.group.members.forEach((i, m) => {
				const reach = box.scale * Math.sqrt(m + 0.5);
				places.x[i] = cx + Math.cos(m * GOLDEN) * reach;
				places.y[i] = cy + Math.sin(m * GOLDEN) * reach;
			});
			places.r = Math.max(1.5, Math.min(10, box.scale * 0.52));
		});
	});
	return places;
}

function grid(order, size, w, h, zoneOf) {
	const places = { ...blank(size), cells: true, boxes: [] }, list = groups(order, zoneOf), edge = 12, title = 20;
	// Whole pixels from three on: cells of one size, with sharp edges.
	const shelved = (scale, aspect) => {
		const cell = scale < 3 ? scale : Math.floor(scale);
		const boxes = list.map((group) => {
			const columns = Math.max(1, Math.min(Math.floor((w - 2 * edge) / cell), Math.ceil(Math.sqrt(group.members.length * aspect))));
			const rows = Math.ceil(group.members.length / columns);
			// A name needs room too.
			return { group, cell, columns, w: Math.min(w - 2 * edge, Math.max(columns * cell, 54)), h: rows * cell };
		});
		const found = shelve(boxes, w - 2 * edge, h - 2 * edge, 8, title);
		return found && { ...found, cell };
	};
	// The shape of the boxes that leaves room for the largest cells.
	const found = ASPECTS.map((aspect) => fit(1, 34, (scale) => shelved(scale, aspect)) ?? { shelves: [], cell: 0 })
		.reduce((best, one) => (one.cell > best.cell ? one : best));
	for (const shelf of found.shelves) {
		for (const box of shelf.boxes) {
			const left = Math.round(edge + box.x), top = Math.round(edge + shelf.y + title);
			places.labels.push({ text: box.group.name, n: box.group.members.length, x: left, y: top - 5, anchor: 'left', room: box.w });
			places.boxes.push({ x: left, y: top, cell: box.cell, columns: box.columns, members: box.group.members });
			box.group.members.forEach((i, m) => {
				places.x[i] = left + (m % box.columns + 0.5) * box.cell;
				places.y[i] = top + (Math.floor(m / box.columns) + 0.5) * box.cell;
			});
			places.r = box.cell / 2;
		}
	}
	return places;
}

export const bestView = (n) => (n <= RING_MOST ? 'ring' : n <= ZONES_MOST ? 'zones' : 'grid');

export function lay(view, { order, size, zoneOf }, w, h) {
	if (view === 'ring') return ring(order, size, w, h);
	return (view === 'zones' ? zones : grid)(order, size, w, h, zoneOf);
}

// A vote's way: bent towards the middle, so that lines of many do not coincide.
export function bend(from, to, middle) {
	return { x: ((from.x + to.x) / 2 + middle.x) / 2, y: ((from.y + to.y) / 2 + middle.y) / 2 };
}

export function along(from, by, to, u) {
	const v = 1 - u;
	return { x: v * v * from.x + 2 * u * v * by.x + u * u * to.x, y: v * v * from.y + 2 * u * v * by.y + u * u * to.y };
}
