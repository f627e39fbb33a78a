// marks: one shape a state, so that colour is never the only sign.  The same
// outlines serve the canvas and the lists.
import { s } from './dom.js';

export const STATES = ['healthy', 'attacked', 'restricted', 'quarantined', 'unreachable'];

// Worst first.
export const RANK = { quarantined: 0, restricted: 1, attacked: 2, unreachable: 3, healthy: 4 };

// Around 0,0 with a reach of about 1.
export const OUTLINE = {
	healthy: 'M.9 0A.9.9 0 1 1-.9 0 .9.9 0 1 1 .9 0Z',
	attacked: 'M0-1.15 1.12.85-1.12.85Z',
	restricted: 'M0-1.22 1.22 0 0 1.22-1.22 0Z',
	quarantined: 'M-.94-.94H.94V.94H-.94Z',
	unreachable: 'M.78 0A.78.78 0 1 1-.78 0 .78.78 0 1 1 .78 0Z',
};
export const CROSS = 'M-.42-.42.42.42M.42-.42-.42.42';

export function mark(state) {
	const known = state in OUTLINE ? state : 'unreachable';
	const parts = [s('path', { class: 'shape', d: OUTLINE[known] })];
	if (known === 'quarantined') parts.push(s('path', { class: 'cross', d: CROSS }));
	return s('svg', { class: `mark ${known}`, viewBox: '-1.4 -1.4 2.8 2.8', 'aria-hidden': 'true' }, ...parts);
}
