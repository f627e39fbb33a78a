/*
 * parent_reload: what a configuration that is read again may change, and
 * whether the certificate was renewed.
 */
#include <string.h>
#include <sys/stat.h>
#include "proc/parent.h"

/* What a running node cannot change, because it was bound or dropped at the start. */
const char *
reload_needs_restart(const struct config *old, const struct config *new)
{
	if (strcmp(old->name, new->name) != 0)
		return "[node] name";
	if (old->p2p_port != new->p2p_port || old->local_mode != new->local_mode)
		return "[node] p2p_port or local_mode";
	if (strcmp(old->state_dir, new->state_dir) != 0 ||
	    strcmp(old->control_socket, new->control_socket) != 0 ||
	    strcmp(old->libexec_dir, new->libexec_dir) != 0)
		return "[node] state_dir, libexec_dir or control_socket";
	if (strcmp(old->cert_file, new->cert_file) != 0 ||
	    strcmp(old->key_file, new->key_file) != 0 || strcmp(old->ca_file, new->ca_file) != 0 ||
	    strcmp(old->identity_file, new->identity_file) != 0 ||
	    strcmp(old->roster_file, new->roster_file) != 0)
		return "[identity]";
	if (old->decoy_count != new->decoy_count ||
	    memcmp(old->decoys, new->decoys, sizeof(old->decoys)) != 0)
		return "[decoys]";
	if (old->policy != new->policy || old->threshold != new->threshold ||
	    old->corroboration != new->corroboration || old->ignored_count != new->ignored_count ||
	    memcmp(old->ignored, new->ignored, sizeof(old->ignored)) != 0)
		return "[policy] policy, threshold, corroboration or ignore";
	if (strcmp(old->coordinator_url, new->coordinator_url) != 0)
		return "[coordinator] url";
	if (strcmp(old->sidecar_path, new->sidecar_path) != 0 ||
	    strcmp(old->sidecar_host, new->sidecar_host) != 0 ||
	    old->sidecar_port != new->sidecar_port || old->run_analyser != new->run_analyser ||
	    strcmp(old->model_url, new->model_url) != 0)
		return "[analyser] sidecar_addr, sidecar_port, run or ollama_url";
	if (strcmp(old->hooks.command, new->hooks.command) != 0 ||
	    old->hooks.timeout_ms != new->hooks.timeout_ms ||
	    old->hooks.on_precaution != new->hooks.on_precaution)
		return "[hooks]";
	return NULL;
}

/*
 * net reads its key and certificate before its sandbox, and no file after: with
 * a renewed certificate it starts anew.  Its links are back within a moment.
 */
bool
reload_certificate_changed(const struct config *config)
{
	static struct stat known[3]; /* certificate, key, CA: as net read them */
	static bool is_known;
	const char *const files[] = { config->cert_file, config->key_file, config->ca_file };
	bool changed = false;
	struct stat now;
	size_t i;

	for (i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		if (stat(files[i], &now) == -1)
			continue;
		changed |=
		    is_known && (now.st_ino != known[i].st_ino || now.st_size != known[i].st_size ||
		                    now.st_mtim.tv_sec != known[i].st_mtim.tv_sec ||
		                    now.st_mtim.tv_nsec != known[i].st_mtim.tv_nsec);
		known[i] = now;
	}
	is_known = true;
	return changed;
}
