// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Options of QEMU that ask for no memory but say what will happen to it: devices that pin all of
 * it or share it with another process, a balloon, locking; and the few facts that people want to
 * see beside it (name, CPUs, accelerator).
 */
#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "guest/qemu_private.h"

static bool starts(const char *text, const char *prefix)
{
	return text && strncmp(text, prefix, strlen(prefix)) == 0;
}

int gr_qemu_on_accel(struct gr_qemu *qemu, const struct gr_qemu_word *word,
		     const struct gr_qemu_opts *opts)
{
	const char *accel = gr_qemu_opts_get(opts, "accel");

	(void)word;
	return accel && !qemu->accel ? gr_qemu_set_text(&qemu->accel, accel) : 0;
}

int gr_qemu_on_smp(struct gr_qemu *qemu, const struct gr_qemu_word *word,
		   const struct gr_qemu_opts *opts)
{
	static const char *const levels[] = {
		"drawers", "books", "sockets", "dies", "clusters", "modules", "cores", "threads",
	};
	const char *text = gr_qemu_opts_get(opts, "cpus");
	uint64_t cpus = 1, n;

	(void)word;
	if (text && gr_parse_u64(text, &cpus) < 0)
		return gr_note_fatal(&qemu->notes, "GR410", "-smp %s is no number of CPUs", text);
	for (size_t i = 0; !text && i < GR_ARRAY_SIZE(levels); i++) {
		const char *level = gr_qemu_opts_get(opts, levels[i]);

		if (level && gr_parse_u64(level, &n) == 0 && n > 0 &&
		    __builtin_mul_overflow(cpus, n, &cpus))
			cpus = UINT64_MAX;
	}
	qemu->vcpus = (unsigned int)gr_max_u64(1, gr_min_u64(cpus, 1u << 20));
	return 0;
}

static int add_device(struct gr_qemu *qemu, const char *driver, const char *memdev,
		      const struct gr_qemu_opts *opts)
{
	const char *node = gr_qemu_opts_get(opts, "node");
	struct gr_qemu_device *device;
	uint64_t number;

	if (qemu->device_count >= GR_QEMU_ITEMS_MAX)
		return gr_notes_has(&qemu->notes, "GR413") ?
			       0 :
			       gr_note_fatal(&qemu->notes, "GR413", "more than %d memory devices",
					     GR_QEMU_ITEMS_MAX);
	if (gr_grow(&qemu->devices, qemu->device_count, sizeof(*qemu->devices)) < 0)
		return -ENOMEM;
	device = &qemu->devices[qemu->device_count++];
	*device = (struct gr_qemu_device){ .guest_node = -1 };
	if (gr_qemu_set_text(&device->driver, driver) < 0 ||
	    gr_qemu_set_text(&device->memdev, memdev) < 0)
		return -ENOMEM;
	if (node && gr_parse_u64(node, &number) == 0 && number < 128)
		device->guest_node = (int)number;
	return 0;
}

int gr_qemu_on_device(struct gr_qemu *qemu, const struct gr_qemu_word *word,
		      const struct gr_qemu_opts *opts)
{
	const char *driver = gr_qemu_opts_get(opts, "driver");
	const char *memdev = gr_qemu_opts_get(opts, "memdev");
	bool reporting = false;

	(void)word;
	if (!driver)
		return 0;
	/* AP queues and channel devices pin single pages, everything else in VFIO pins all. */
	if (starts(driver, "vfio-user") || starts(driver, "vhost-user"))
		qemu->request.shared = true;
	else if ((starts(driver, "vfio-") && strcmp(driver, "vfio-ap") != 0 &&
		  strcmp(driver, "vfio-ccw") != 0) ||
		 starts(driver, "vhost-vdpa"))
		qemu->request.passthrough = true;
	if (starts(driver, "virtio-balloon")) {
		qemu->request.balloon = true;
		gr_qemu_opts_flag(opts, "free-page-reporting", &reporting);
		qemu->free_page_reporting |= reporting;
	}
	return memdev ? add_device(qemu, driver, memdev, opts) : 0;
}

/* -netdev, -nic and -net; @opts says "type" for all of them */
int gr_qemu_on_net(struct gr_qemu *qemu, const struct gr_qemu_word *word,
		   const struct gr_qemu_opts *opts)
{
	const char *type = gr_qemu_opts_get(opts, "type");

	(void)word;
	if (type && strcmp(type, "vhost-user") == 0)
		qemu->request.shared = true;
	if (type && strcmp(type, "vhost-vdpa") == 0)
		qemu->request.passthrough = true;
	return 0;
}

int gr_qemu_on_name(struct gr_qemu *qemu, const struct gr_qemu_word *word,
		    const struct gr_qemu_opts *opts)
{
	const char *name = gr_qemu_opts_get(opts, "guest");

	(void)word;
	return name && *name ? gr_qemu_set_text(&qemu->request.name, name) : 0;
}

int gr_qemu_on_lock(struct gr_qemu *qemu, const struct gr_qemu_word *word,
		    const struct gr_qemu_opts *opts)
{
	const char *lock = gr_qemu_opts_get(opts, word->name[0] == 'r' ? "mlock" : "mem-lock");
	bool locked = false;

	/* -realtime locks unless told not to; "on-fault" came with 10.0 */
	if (!lock)
		locked = word->name[0] == 'r';
	else if (strcmp(lock, "on-fault") == 0)
		locked = true;
	else
		return gr_qemu_flag(&qemu->notes, opts, "memory locking",
				    word->name[0] == 'r' ? "mlock" : "mem-lock",
				    &qemu->request.locked);
	qemu->request.locked |= locked;
	return 0;
}
