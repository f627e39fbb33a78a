// dom: building and updating elements without ever parsing markup.
const SVG = 'http://www.w3.org/2000/svg';

export const byId = (id) => document.getElementById(id);

export function h(tag, attributes = {}, ...children) {
	return fill(document.createElement(tag), attributes, children);
}

export function s(tag, attributes = {}, ...children) {
	return fill(document.createElementNS(SVG, tag), attributes, children);
}

function fill(element, attributes, children) {
	for (const [name, value] of Object.entries(attributes))
		if (value !== undefined) element.setAttribute(name, value);
	element.append(...children);
	return element;
}

// Text that has not changed is left alone: selections survive.
export function say(element, text) {
	if (element.textContent !== text) element.textContent = text;
}

// What has not changed since the last time is not built again.
export function once(element, look, build) {
	const key = typeof look === 'string' ? look : JSON.stringify(look);
	if (element.dataset.look === key) return;
	element.dataset.look = key;
	element.replaceChildren(...build());
}

// One child a key, reused between updates, in the order of items.
export function keyed(parent, items, keyOf, create, update) {
	const known = new Map();
	for (const child of parent.children) known.set(child.dataset.key, child);
	let place = parent.firstElementChild;
	for (const item of items) {
		const key = String(keyOf(item));
		let child = known.get(key);
		known.delete(key);
		if (!child) {
			child = create(item);
			child.dataset.key = key;
		}
		update(child, item);
		if (child === place) place = place.nextElementSibling;
		else parent.insertBefore(child, place);
	}
	for (const child of known.values()) child.remove();
}

export function download(name, type, text) {
	const link = h('a', { href: URL.createObjectURL(new Blob([text], { type })), download: name });
	link.click();
	setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}
