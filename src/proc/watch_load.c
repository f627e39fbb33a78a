/*
 * watch_load: see watch.h.  Descriptors stay open and are read in place, and
 * /proc/uptime stands for /proc/stat, which costs thirty times as much.
 */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "proc/watch.h"
#include "sys/log.h"

#define TEXT_BYTES 2048
#define TREE_MOST  16

struct load {
	enum load_scope scope;
	unsigned processors;
	uint64_t total_bytes; /* of memory that 100 % stands for */
	uint64_t busy_per_ns; /* processors that 100 % stands for, in thousandths */
	int time_fd, memory_fd;
	pid_t root;
	int children_fd;
	char children[256]; /* as the kernel listed them last */
	int tree[TREE_MOST];
	size_t tree_count;
	uint64_t last_ns, last_busy_ns;
	bool primed;
};

/* ---- reading ------------------------------------------------------------------- */

static ssize_t
read_text(int fd, char *out, size_t room)
{
	ssize_t size = fd == -1 ? -1 : pread(fd, out, room - 1, 0);

	if (size < 0)
		return -1;
	out[size] = '\0';
	return size;
}

static int
open_text(const char *path)
{
	return open(path, O_RDONLY | O_CLOEXEC);
}

static bool
read_once(const char *path, char *out, size_t room)
{
	int fd = open_text(path);
	ssize_t size = read_text(fd, out, room);

	if (fd != -1)
		close(fd);
	return size > 0;
}

/* The number behind a word at the beginning of a line. */
static bool
number_after(const char *text, const char *word, uint64_t *out)
{
	const char *at = text;
	size_t length = strlen(word);

	while (at != NULL && strncmp(at, word, length) != 0)
		if ((at = strchr(at, '\n')) != NULL)
			at++;
	if (at == NULL)
		return false;
	*out = strtoull(at + length, NULL, 10);
	return true;
}

/* "12.34" in hundredths of a second, as nanoseconds. */
static uint64_t
hundredths(const char *text, char **end)
{
	uint64_t seconds = strtoull(text, end, 10), part = 0;

	if (**end == '.')
		part = strtoull(*end + 1, end, 10);
	return seconds * 1000000000u + part * 10000000u;
}

/* ---- the machine ------------------------------------------------------------------- */

static bool
machine_busy(const struct load *load, uint64_t *out)
{
	char text[128], *rest;
	uint64_t up_ns, idle_ns;

	if (read_text(load->time_fd, text, sizeof(text)) <= 0)
		return false;
	up_ns = hundredths(text, &rest) * load->processors;
	idle_ns = hundredths(rest, &rest);
	*out = up_ns > idle_ns ? up_ns - idle_ns : 0;
	return true;
}

static bool
machine_memory(const struct load *load, uint64_t *used_bytes)
{
	char text[TEXT_BYTES];
	uint64_t available;

	if (read_text(load->memory_fd, text, 256) <= 0 ||
	    !number_after(text, "MemAvailable:", &available))
		return false;
	available *= 1024;
	*used_bytes = load->total_bytes > available ? load->total_bytes - available : 0;
	return true;
}

static enum err
open_machine(struct load *load)
{
	load->time_fd = open_text("/proc/uptime");
	load->memory_fd = open_text("/proc/meminfo");
	return load->time_fd == -1 || load->memory_fd == -1 ? ERR_IO : ERR_OK;
}

/* ---- a cgroup ------------------------------------------------------------------------ */

static bool
cgroup_file(const char *name, char *out, size_t room)
{
	char text[TEXT_BYTES], *line, *end;

	if (!read_once("/proc/self/cgroup", text, sizeof(text)) ||
	    (line = strstr(text, "0::/")) == NULL || (line != text && line[-1] != '\n'))
		return false;
	if ((end = strchr(line, '\n')) != NULL)
		*end = '\0';
	return snprintf(out, room, "/sys/fs/cgroup%s/%s", line + 3, name) < (int)room;
}

static enum err
open_cgroup(struct load *load)
{
	char path[512], text[TEXT_BYTES];
	uint64_t quota, period;
	bool limited = false;

	if (cgroup_file("cpu.max", path, sizeof(path)) && read_once(path, text, sizeof(text)) &&
	    sscanf(text, "%lu %lu", &quota, &period) == 2 && period > 0 && quota > 0) {
		load->busy_per_ns = quota * 1000 / period;
		limited = true;
	}
	if (cgroup_file("memory.max", path, sizeof(path)) && read_once(path, text, sizeof(text)) &&
	    isdigit((unsigned char)text[0])) {
		load->total_bytes = strtoull(text, NULL, 10);
		limited = true;
	}
	if (!limited)
		return ERR_NOT_FOUND;
	if (cgroup_file("cpu.stat", path, sizeof(path)))
		load->time_fd = open_text(path);
	if (cgroup_file("memory.current", path, sizeof(path)))
		load->memory_fd = open_text(path);
	return load->time_fd == -1 || load->memory_fd == -1 ? ERR_NOT_FOUND : ERR_OK;
}

static bool
cgroup_busy(const struct load *load, uint64_t *out)
{
	char text[TEXT_BYTES];
	uint64_t used_us;

	if (read_text(load->time_fd, text, sizeof(text)) <= 0 ||
	    !number_after(text, "usage_usec ", &used_us))
		return false;
	*out = used_us * 1000;
	return true;
}

static bool
cgroup_memory(const struct load *load, uint64_t *used_bytes)
{
	char text[64];

	if (read_text(load->memory_fd, text, sizeof(text)) <= 0)
		return false;
	*used_bytes = strtoull(text, NULL, 10);
	return true;
}

/* ---- the process tree ------------------------------------------------------------------- */

static void
close_tree(struct load *load)
{
	while (load->tree_count > 0)
		close(load->tree[--load->tree_count]);
}

static void
add_process(struct load *load, pid_t pid)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	if (load->tree_count < TREE_MOST && (fd = open_text(path)) != -1)
		load->tree[load->tree_count++] = fd;
}

/* The descriptors stay as long as the kernel lists the same children. */
static void
follow_children(struct load *load)
{
	char text[sizeof(load->children)], *rest;
	pid_t pid;

	if (read_text(load->children_fd, text, sizeof(text)) < 0)
		text[0] = '\0';
	if (load->tree_count > 0 && strcmp(text, load->children) == 0)
		return;
	close_tree(load);
	add_process(load, load->root);
	memcpy(load->children, text, sizeof(text));
	for (rest = text; (pid = (pid_t)strtol(rest, &rest, 10)) > 0;)
		add_process(load, pid);
}

static enum err
open_tree(struct load *load)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", load->root, load->root);
	load->children_fd = open_text(path);
	follow_children(load);
	return load->tree_count > 0 ? ERR_OK : ERR_NOT_FOUND;
}

/* Ticks of a process (and of children it has buried) and its resident pages. */
static bool
read_process(int fd, uint64_t *ticks, uint64_t *pages)
{
	char text[512], *at;
	unsigned long user, system;
	long dead_user, dead_system, resident;

	/* The name in brackets may hold anything: begin behind its end. */
	if (read_text(fd, text, sizeof(text)) <= 0 || (at = strrchr(text, ')')) == NULL)
		return false;
	if (sscanf(at,
	        ") %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu %ld %ld %*d %*d "
	        "%*d %*d %*u %*u %ld",
	        &user, &system, &dead_user, &dead_system, &resident) != 5)
		return false;
	*ticks += user + system + (unsigned long)dead_user + (unsigned long)dead_system;
	*pages += (unsigned long)resident;
	return true;
}

static bool
tree_read(struct load *load, uint64_t *busy_ns, uint64_t *used_bytes)
{
	static long tick_ns, page_bytes;
	uint64_t ticks = 0, pages = 0;
	size_t i;

	if (tick_ns == 0) {
		tick_ns = 1000000000 / sysconf(_SC_CLK_TCK);
		page_bytes = sysconf(_SC_PAGESIZE);
	}
	follow_children(load);
	for (i = 0; i < load->tree_count; i++)
		if (!read_process(load->tree[i], &ticks, &pages) && i == 0)
			return false;
	*busy_ns = ticks * (uint64_t)tick_ns;
	*used_bytes = pages * (uint64_t)page_bytes;
	return true;
}

/* ---- the whole -------------------------------------------------------------------------- */

static bool
in_user_namespace(void)
{
	char text[TEXT_BYTES];
	unsigned long inside, outside, count;

	return !read_once("/proc/self/uid_map", text, sizeof(text)) ||
	       sscanf(text, "%lu %lu %lu", &inside, &outside, &count) != 3 || inside != 0 ||
	       outside != 0 || count != 4294967295ul;
}

enum err
load_open_scope(enum load_scope scope, pid_t root, struct load **out)
{
	char text[TEXT_BYTES];
	struct load *load;
	enum err err = ERR_IO;

	if (!read_once("/proc/meminfo", text, sizeof(text)))
		return ERR_IO;
	if ((load = calloc(1, sizeof(*load))) == NULL)
		return ERR_NOMEM;
	load->scope = scope;
	load->root = root;
	load->time_fd = load->memory_fd = load->children_fd = -1;
	load->processors = (unsigned)sysconf(_SC_NPROCESSORS_ONLN);
	load->busy_per_ns = load->processors * 1000u;
	if (number_after(text, "MemTotal:", &load->total_bytes))
		load->total_bytes *= 1024;
	switch (scope) {
	case LOAD_MACHINE:
		err = open_machine(load);
		break;
	case LOAD_CGROUP:
		err = open_cgroup(load);
		break;
	case LOAD_TREE:
		err = open_tree(load);
		break;
	}
	if (err == ERR_OK && load->total_bytes == 0)
		err = ERR_IO;
	if (err != ERR_OK) {
		load_close(load);
		return err;
	}
	*out = load;
	return ERR_OK;
}

enum err
load_open(pid_t root, struct load **out)
{
	if (load_open_scope(LOAD_CGROUP, root, out) == ERR_OK)
		return ERR_OK;
	if (in_user_namespace() && load_open_scope(LOAD_TREE, root, out) == ERR_OK)
		return ERR_OK;
	return load_open_scope(LOAD_MACHINE, root, out);
}

void
load_close(struct load *load)
{
	if (load == NULL)
		return;
	close_tree(load);
	if (load->time_fd != -1)
		close(load->time_fd);
	if (load->memory_fd != -1)
		close(load->memory_fd);
	if (load->children_fd != -1)
		close(load->children_fd);
	free(load);
}

const char *
load_scope_text(const struct load *load)
{
	static const char *const texts[] = {
		[LOAD_MACHINE] = "machine", [LOAD_CGROUP] = "cgroup", [LOAD_TREE] = "process tree"
	};

	return texts[load->scope];
}

static float
percent(double part, double whole)
{
	const double value = whole > 0 ? 100 * part / whole : 0;

	return (float)(value < 0 ? 0 : value > 100 ? 100 : value);
}

enum err
load_read(struct load *load, uint64_t now_ns, struct msg_telemetry *out)
{
	uint64_t busy_ns = 0, used_bytes = 0, elapsed_ns, worked_ns;
	bool read = false, first = !load->primed;

	switch (load->scope) {
	case LOAD_MACHINE:
		read = machine_busy(load, &busy_ns) && machine_memory(load, &used_bytes);
		break;
	case LOAD_CGROUP:
		read = cgroup_busy(load, &busy_ns) && cgroup_memory(load, &used_bytes);
		break;
	case LOAD_TREE:
		read = tree_read(load, &busy_ns, &used_bytes);
		break;
	}
	if (!read)
		return ERR_IO;
	elapsed_ns = now_ns - load->last_ns;
	/* A process that left takes its time along for a moment. */
	worked_ns = busy_ns > load->last_busy_ns ? busy_ns - load->last_busy_ns : 0;
	load->last_ns = now_ns;
	load->last_busy_ns = busy_ns;
	load->primed = true;
	if (first)
		return ERR_AGAIN;
	out->cpu_percent =
	    percent((double)worked_ns * 1000, (double)elapsed_ns * (double)load->busy_per_ns);
	out->memory_percent = percent((double)used_bytes, (double)load->total_bytes);
	return ERR_OK;
}
