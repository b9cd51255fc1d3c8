// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Lines that stand beside failures in logs, and that people take for the reason. A denial of a file
 * is harmless unless its name speaks of huge pages or guest memory.
 */
#include "base/util.h"
#include "doctor/messages.h"

static const char *const about_memory[] = { "huge", "/dev/shm", "libvirt/qemu/ram" };

static const struct {
	const char *pattern;
	bool unless_memory; /* not if a word about memory is in the line as well */
	const char *why;
} rows[] = {
	{ "shader cache", false,
	  "a cache of the graphics driver; guest memory has nothing to do with it" },
	{ "Failed to create * cache", false, "a cache directory that could not be made" },
	{ "mesa", false, "the graphics driver" },
	{ "apparmor=\"DENIED\"", true, "AppArmor denied another file, not guest memory" },
	{ "avc:  denied", true, "SELinux denied another file, not guest memory" },
	{ "Machine type '@' is deprecated", false, "an old machine type still works" },
	{ "is deprecated", false, "a warning about an option that still works" },
	{ "host doesn't support requested feature", false,
	  "a CPU feature that the guest does without" },
	{ "This feature depends on other features", false,
	  "a CPU feature that the guest does without" },
	{ "TSC frequency mismatch", false, "clocks, not memory" },
	{ "Domain id=# is tainted", false, "a mark of libvirt for its own bug reports" },
	{ "char device redirected to", false, "where a console went" },
	{ "terminating on signal", false, "libvirt ended the process; the line before says why" },
	{ "shutting down, reason=", false, "libvirt ended the process; the line before says why" },
	{ "pulseaudio", false, "sound" },
	{ "audio: ", false, "sound" },
	{ "spice-", false, "the display server" },
	{ "usb_", false, "a USB device" },
	{ "usb-", false, "a USB device" },
	{ "vnc", false, "the display server" },
};

static bool speaks_of_memory(const char *line)
{
	for (size_t i = 0; i < GR_ARRAY_SIZE(about_memory); i++) {
		if (gr_pattern_match(about_memory[i], line, NULL))
			return true;
	}
	return false;
}

/* A line that is a message of the table in the strict sense is never harmless. */
static bool is_serious(const char *line)
{
	static const char *const serious[] = {
		"guest RAM",   "hugetlbfs",    "preallocating",
		"NUMA",	       "VFIO_MAP_DMA", "memfd",
		"memory size", "guest memory", "Cannot allocate memory",
		"Bad address",
	};

	for (size_t i = 0; i < GR_ARRAY_SIZE(serious); i++) {
		if (gr_pattern_match(serious[i], line, NULL))
			return true;
	}
	return false;
}

const char *gr_harmless(const char *line)
{
	bool memory = speaks_of_memory(line), serious = is_serious(line);

	for (size_t i = 0; i < GR_ARRAY_SIZE(rows); i++) {
		if (rows[i].unless_memory ? memory : serious)
			continue;
		if (gr_pattern_match(rows[i].pattern, line, NULL))
			return rows[i].why;
	}
	return NULL;
}

bool gr_looks_like_error(const char *line)
{
	static const char *const words[] = {
		"error",     "fail",   "denied", "cannot",  "can't",	     "unable",	"warning",
		"could not", "killed", "fatal",	 "refused", "not permitted", "no such", "panic",
	};

	for (size_t i = 0; i < GR_ARRAY_SIZE(words); i++) {
		if (gr_pattern_match(words[i], line, NULL))
			return true;
	}
	return false;
}
