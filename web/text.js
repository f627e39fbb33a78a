// text: everything that came from elsewhere is shown through here, as text.

// Controls, bidi overrides, zero-width and other invisible characters become
// \uXXXX, so that nothing hides or turns its surroundings around.
const hidden = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Co}\p{Cn}\p{Cs}]/gu;

export function visible(value) {
	return String(value).replace(hidden, (c) => {
		const code = c.codePointAt(0);
		return code > 0xffff ? `\\u{${code.toString(16)}}` : `\\u${code.toString(16).padStart(4, '0')}`;
	});
}

export function clock(ms) {
	return ms > 0 ? new Date(ms).toLocaleTimeString(undefined, { hour12: false }) : '–';
}

export function age(ms, now) {
	const s = Math.max(0, Math.round((now - ms) / 1000));
	if (ms <= 0) return 'never';
	if (s < 60) return `${s} s`;
	if (s < 3600) return `${Math.floor(s / 60)} min`;
	return s < 86400 ? `${Math.floor(s / 3600)} h` : `${Math.floor(s / 86400)} d`;
}

export function short(number) {
	return Number.isFinite(number) ? String(Math.round(number * 10) / 10) : '–';
}
