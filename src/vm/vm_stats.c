// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * KVM's statistics of one VM, through the file descriptor that KVM_GET_STATS_FD gives to the
 * process which made the VM: a header, descriptors with names, and values. Not every kernel has
 * it, and an emulated KVM counts nothing: zero for every size after touching means unknown.
 */
#include <errno.h>
#include <linux/kvm.h>
#include <string.h>
#include <sys/ioctl.h>

#include "base/util.h"
#include "vm/vm_private.h"

/* A VM has about 20 statistics; anything far beyond that is not what we know how to read. */
#define MAX_STATS 4096u
#define MAX_NAME_BYTES 1024u

static int read_whole(int fd, void *buf, size_t size, uint64_t offset)
{
	ssize_t n;

	do
		n = pread(fd, buf, size, (off_t)offset);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	return (size_t)n == size ? 0 : -EBADMSG;
}

/* A statistic of another name, or of another shape than one number, is left out. */
static int take_stat(int fd, const struct kvm_stats_header *header,
		     const struct kvm_stats_desc *desc, struct gr_vm_report *report,
		     unsigned int *found)
{
	const struct {
		const char *name;
		uint64_t *value;
	} wanted[] = {
		{ .name = "pages_4k", .value = &report->pages_4k },
		{ .name = "pages_2m", .value = &report->pages_2m },
		{ .name = "pages_1g", .value = &report->pages_1g },
	};

	for (size_t i = 0; i < GR_ARRAY_SIZE(wanted); i++) {
		if (strcmp(desc->name, wanted[i].name) != 0 || desc->size != 1)
			continue;
		*found |= 1u << i;
		return read_whole(fd, wanted[i].value, sizeof(*wanted[i].value),
				  (uint64_t)header->data_offset + desc->offset);
	}
	return 0;
}

static int read_stats(int fd, struct gr_vm_report *report)
{
	struct kvm_stats_header header;
	_cleanup_free_ char *descs = NULL;
	unsigned int found = 0;
	size_t stride;
	int r;

	r = read_whole(fd, &header, sizeof(header), 0);
	if (r < 0)
		return r;
	if (!header.name_size || header.name_size > MAX_NAME_BYTES || header.name_size % 8 ||
	    !header.num_desc || header.num_desc > MAX_STATS)
		return -EBADMSG;
	stride = sizeof(struct kvm_stats_desc) + header.name_size;
	descs = malloc(stride * header.num_desc);
	if (!descs)
		return -ENOMEM;
	r = read_whole(fd, descs, stride * header.num_desc, header.desc_offset);
	for (size_t i = 0; r == 0 && i < header.num_desc; i++) {
		descs[(i + 1) * stride - 1] = '\0';
		r = take_stat(fd, &header, (const struct kvm_stats_desc *)(descs + i * stride),
			      report, &found);
	}
	if (r < 0)
		return r;
	return found == 7 ? 0 : -ENOENT;
}

void gr_vm_take_stats(int stats_fd, struct gr_vm_report *report)
{
	struct gr_vm_report with = *report;

	if (read_stats(stats_fd, &with) < 0 || !(with.pages_4k || with.pages_2m || with.pages_1g))
		return;
	*report = with;
	report->stats_known = true;
}

void gr_vm_read_stats(int vm_fd, struct gr_vm_report *report)
{
	_cleanup_close_ int fd = -1;

	fd = ioctl(vm_fd, KVM_GET_STATS_FD, NULL);
	if (fd >= 0)
		gr_vm_take_stats(fd, report);
}
