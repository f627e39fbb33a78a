// release: the dialog that asks for a readmission.  It goes to the operator's
// own terminal, where the key is; nothing changes here until an event says so.
import { byId, say } from './dom.js';
import { ask } from './client.js';
import { model } from './model.js';
import { visible } from './text.js';

const REASON_LEAST = 3;
const dialog = byId('release-dialog'), form = byId('release-form'), confirmed = byId('release-name'), reason = byId('release-reason'), send = byId('release-send');
let incident = null, asked = false;

const fits = () => confirmed.value === incident?.name && reason.value.trim().length >= REASON_LEAST;

function update() {
	send.disabled = asked || !fits();
	say(byId('release-match'), confirmed.value === '' || confirmed.value === incident?.name ? '' : 'This is not its name.');
}

export function open(subject) {
	incident = subject;
	asked = false;
	form.reset();
	say(byId('release-title'), `Release ${visible(subject.name)}`);
	say(byId('release-expected'), visible(subject.name));
	say(byId('release-progress'), '');
	update();
	dialog.showModal();
	confirmed.focus();
}

const ADVICE = {
	401: 'Your session is over: run phalanx dashboard again.',
	503: 'Nobody listens for this session: phalanx dashboard has to run in your terminal.',
};

async function submit() {
	if (!fits() || asked) return;
	asked = true;
	update();
	say(byId('release-progress'), 'Asking…');
	try {
		await ask(`/api/v1/incidents/${encodeURIComponent(incident.id)}/release`, {
			method: 'POST',
			headers: { 'Content-Type': 'application/json', 'X-Phalanx-Csrf': model.me.csrf },
			body: JSON.stringify({ confirm: incident.name, reason: reason.value.trim(), kind: form.elements.kind.value }),
		});
		say(byId('release-progress'), 'Asked. Confirm it in the terminal where phalanx dashboard runs; this page changes when the mesh has decided.');
	} catch (error) {
		asked = false;
		say(byId('release-progress'), [`Not asked: ${visible(error.message)}.`, ADVICE[error.status]].filter(Boolean).join(' '));
		update();
	}
}

const PHASES = {
	waiting: 'Waits for your confirmation in the terminal.',
	asked: 'Your key has asked the mesh; its heads vote now.',
	released: 'Released: the mesh has decided.',
	refused: 'Refused',
};

// An event about a release.
export function happened({ id, phase, reason: why }) {
	if (!dialog.open || incident?.id !== id) return;
	say(byId('release-progress'), `${PHASES[phase] ?? visible(phase)}${phase === 'refused' && why ? `: ${visible(why)}` : ''}`);
	if (phase === 'released') setTimeout(() => dialog.close(), 1200);
	if (phase === 'refused') {
		asked = false;
		update();
	}
}

form.addEventListener('input', update);
form.addEventListener('submit', (event) => {
	event.preventDefault();
	void submit();
});
