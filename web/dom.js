// dom: building and updating elements without ever parsing markup.
const SVG = 'http://www.w3.org/2000/svg';

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

// Text nodes that have not changed are left alone: selections survive.
export function say(element, text) {
	if (element.textContent !== text) element.textContent = text;
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
