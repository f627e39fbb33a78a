// trust: is this the coordinator that this browser knows?
import { byId, h } from './dom.js';
import { day, visible } from './text.js';

const print = (key) => h('code', {}, `${visible(key).slice(0, 16)}…`);

// The first key that was seen of a mesh is kept; another one is shouted about.
export function trust({ mesh, key, key_since: since }) {
	if (!key) return;
	const name = `key:${mesh}`, banner = byId('key-changed');
	let known = null;
	try {
		known = JSON.parse(localStorage.getItem(name));
	} catch {
		// Nothing that this page wrote.
	}
	const keep = () => localStorage.setItem(name, JSON.stringify({ key, t: Date.now() }));
	if (!known?.key) keep();
	const changed = Boolean(known?.key) && known.key !== key;
	banner.hidden = !changed;
	if (!changed) return;
	const accept = h('button', { type: 'button' }, 'I have compared them: trust the new key');
	accept.addEventListener('click', () => {
		keep();
		banner.hidden = true;
	});
	banner.replaceChildren(
		h('b', {}, 'The coordinator’s key changed.'), ' This browser has known ', print(known.key), ` since ${day(known.t)}; what answers now has `, print(key),
		since ? `, made ${day(since)}` : '', '. If you did not set the coordinator up again, trust nothing on this page: ask a node instead (', h('code', {}, 'phalanx status'),
		'), whose log names the key that it has pinned. ', accept);
}
