// text: everything that came from elsewhere is shown through here, as text.

// Controls, bidi overrides, zero-width and other invisible characters become
// \uXXXX, so that nothing hides or turns its surroundings around.
const hidden = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Co}\p{Cn}\p{Cs}]/gu;

export function visible(value) {
	return String(value ?? '').replace(hidden, (c) => {
		const code = c.codePointAt(0);
		return code > 0xffff ? `\\u{${code.toString(16)}}` : `\\u${code.toString(16).padStart(4, '0')}`;
	});
}

const two = (n) => String(n).padStart(2, '0');

export function clock(ms) {
	if (!(ms > 0)) return '–';
	const t = new Date(ms);
	return `${two(t.getHours())}:${two(t.getMinutes())}:${two(t.getSeconds())}`;
}

export function day(ms) {
	if (!(ms > 0)) return '–';
	const t = new Date(ms);
	return `${t.getFullYear()}-${two(t.getMonth() + 1)}-${two(t.getDate())} ${clock(ms)}`;
}

export function span(s) {
	if (s < 60) return `${Math.max(0, Math.round(s))} s`;
	if (s < 3600) return `${Math.floor(s / 60)} min`;
	return s < 86400 ? `${Math.floor(s / 3600)} h` : `${Math.floor(s / 86400)} d`;
}

export function short(number) {
	return Number.isFinite(number) ? String(Math.round(number * 10) / 10) : '–';
}

// 0.44 ms, 3.1 ms, 120 ms, 4.2 s: three digits are all that anybody reads.
export function ms(value) {
	if (!Number.isFinite(value)) return '–';
	if (value >= 10000) return `${(value / 1000).toFixed(1)} s`;
	return `${value >= 100 ? Math.round(value) : value >= 10 ? value.toFixed(1) : value.toFixed(2)} ms`;
}

// 12,345: by hand, since the first use of Intl takes longer than 10,000 rows.
export const thousands = (n) => String(n).replace(/\B(?=(?:\d{3})+$)/g, ',');

export function count(n, one, many = `${one}s`) {
	return `${thousands(n)} ${n === 1 ? one : many}`;
}

// A cell that a spreadsheet would take for a formula gets an apostrophe.
export function csvCell(value) {
	const text = visible(value);
	return `"${(/^\s*[=+\-@]/.test(text) ? `'${text}` : text).replaceAll('"', '""')}"`;
}
