// spark: a small curve of the last minutes on a canvas.
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
	if (values.length < 2) return;
	const x = (k) => k / (values.length - 1) * w, y = (v) => h - 1 - Math.min(1, Math.max(0, v / most)) * (h - 3);
	c.beginPath();
	values.forEach((v, k) => c.lineTo(x(k), y(v)));
	c.strokeStyle = colour;
	c.lineWidth = 1.5;
	c.lineJoin = 'round';
	c.stroke();
	c.lineTo(w, h);
	c.lineTo(0, h);
	c.globalAlpha = 0.16;
	c.fillStyle = colour;
	c.fill();
}
