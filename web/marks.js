// marks: one shape a state, so that colour is never the only sign.
import { s } from './dom.js';

export const STATES = ['healthy', 'attacked', 'restricted', 'quarantined', 'unreachable'];

// Drawn around 0,0 with the given radius.
export function shape(state, r) {
	switch (state) {
	case 'attacked':
		return [s('path', { class: 'shape', d: `M0 ${-r * 1.12} ${r * 1.1} ${r * 0.82}H${-r * 1.1}z` })];
	case 'restricted':
		return [s('path', { class: 'shape', d: `M0 ${-r * 1.2} ${r * 1.2} 0 0 ${r * 1.2} ${-r * 1.2} 0z` })];
	case 'quarantined': {
		const a = r * 0.92, x = r * 0.42;
		return [s('rect', { class: 'shape', x: -a, y: -a, width: 2 * a, height: 2 * a, rx: r * 0.14 }),
			s('path', { class: 'cross', d: `M${-x} ${-x} ${x} ${x}M${x} ${-x} ${-x} ${x}` })];
	}
	default:
		return [s('circle', { class: 'shape', r: state === 'unreachable' ? r * 0.8 : r * 0.9 })];
	}
}

export function mark(state) {
	return s('svg', { class: `mark ${state}`, viewBox: '-10 -10 20 20', 'aria-hidden': 'true' }, ...shape(state, 8));
}
