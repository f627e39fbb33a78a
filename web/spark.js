// spark: a small curve of the last minutes on a canvas.  null: nothing was said
// then, and so there is no curve either.
export function spark(canvas, values, most, colour, line) {
	const dpr = Math.min(2, devicePixelRatio || 1), w = canvas.clientWidth, h = canvas.clientHeight;
	if (w === 0) return;
	canvas.width = w * dpr;
	canvas.height = h * dpr;
	const c = canvas.getContext('2d');
	c.scale(dpr, dpr);
	c.strokeStyle = line;
	c.lineWidth = 1;
	for (const y of [0.5, h / 2, h - 0.5]) {
		c.beginPath();
		c.moveTo(0, y);
		c.lineTo(w, y);
		c.stroke();
	}
	const x = (k) => 1 + k / Math.max(1, values.length - 1) * (w - 2), y = (v) => h - 1 - Math.min(1, Math.max(0, v / most)) * (h - 3);
	c.strokeStyle = c.fillStyle = colour;
	c.lineWidth = 1.5;
	c.lineJoin = c.lineCap = 'round';
	for (const [from, to] of runs(values)) {
		c.beginPath();
		for (let k = from; k <= to; k++) c.lineTo(x(k), y(values[k]));
		c.lineTo(x(to), y(values[to])); // one sample alone is a dot
		c.stroke();
		c.lineTo(x(to), h);
		c.lineTo(x(from), h);
		c.globalAlpha = 0.16;
		c.fill();
		c.globalAlpha = 1;
	}
}

// First and last of those that stand together.
function runs(values) {
	const list = [];
	values.forEach((v, k) => {
		if (v === null) return;
		if (k > 0 && values[k - 1] !== null) list.at(-1)[1] = k;
		else list.push([k, k]);
	});
	return list;
}
