// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Guest RAM has no mark in the kernel, so it is told by four signs, surest first: the name of its
 * file, being a large memory file or huge-page mapping of a VM's process, a size that the command
 * line asks for, and size alone. Every sign needs readable, writable, not executable memory: that
 * leaves out QEMU's code buffer, guard pages and device windows.
 */
#include "verify/recognise.h"

#include <string.h>

#include "base/util.h"

static const struct {
	const char *prefix; /* of the program's name */
	const char *vmm;
} vmms[] = {
	{ "qemu-system-", "qemu" },
	{ "qemu-kvm", "qemu" },
	{ "cloud-hyperviso", "cloud-hypervisor" },
	{ "firecracker", "firecracker" },
	{ "crosvm", "crosvm" },
	{ "lkvm", "kvmtool" }, /* "lkvm-static" as well */
	{ "kvmtool", "kvmtool" },
	{ "guestram", "guestram" },
};

/* Names that only guest RAM has, whatever the process is called. */
static const char *const ram_names[] = {
	"/memfd:guestram:",	"[anon:guestram",
	"[anon_shmem:guestram", "/memfd:memory-backend-memfd",
	"/memfd:ch_ram",	"/memfd:crosvm_guest",
	"/memfd:guest_mem", /* Firecracker, with vhost-user */
	"/qemu_back_mem.",	"/libvirt/qemu/ram/",
};

/* Names that memory files have; in a VM's process a large one is its RAM. */
static const char *const memory_names[] = { "/memfd:", "/dev/shm/", "/dev/zero", "[anon_shmem:" };

const char *gr_vmm_name(const char *exe, const char *argv0, const char *comm)
{
	const char *const names[] = { exe, argv0, comm };

	for (size_t i = 0; i < GR_ARRAY_SIZE(names); i++) {
		const char *slash = names[i] ? strrchr(names[i], '/') : NULL;
		const char *base = slash ? slash + 1 : names[i];

		for (size_t k = 0; base && k < GR_ARRAY_SIZE(vmms); k++) {
			if (!strncmp(base, vmms[k].prefix, strlen(vmms[k].prefix)))
				return vmms[k].vmm;
		}
	}
	return NULL;
}

static bool has_name(const struct gr_vma *vma, const char *const *names, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (strstr(vma->path, names[i]))
			return true;
	}
	return false;
}

bool gr_is_ram_name(const char *path)
{
	const struct gr_vma vma = { .path = (char *)path };

	return has_name(&vma, ram_names, GR_ARRAY_SIZE(ram_names));
}

static bool is_memory(const struct gr_vma *vma)
{
	return vma->readable && vma->writable && !vma->executable && !vma->device &&
	       strcmp(vma->path, "[heap]") != 0 && strncmp(vma->path, "[stack", 6) != 0;
}

static bool is_anonymous(const struct gr_vma *vma)
{
	return vma->inode == 0 && !vma->hugetlb;
}

/* Does @b continue what @a is? */
static bool continues(const struct gr_vma *a, const struct gr_vma *b)
{
	if (a->end != b->start || a->inode != b->inode || a->dev_major != b->dev_major ||
	    a->dev_minor != b->dev_minor || a->shared != b->shared || a->hugetlb != b->hugetlb ||
	    a->kernel_page_bytes != b->kernel_page_bytes || strcmp(a->path, b->path) != 0)
		return false;
	return a->inode == 0 || a->offset + gr_vma_bytes(a) == b->offset;
}

static uint64_t span_bytes(const struct gr_smaps *smaps, const struct gr_span *span)
{
	return smaps->vmas[span->first + span->count - 1].end - smaps->vmas[span->first].start;
}

static int add_span(struct gr_spans *spans, struct gr_span span)
{
	int r = gr_grow(&spans->spans, spans->count, sizeof(*spans->spans));

	if (r == 0)
		spans->spans[spans->count++] = span;
	return r;
}

/* All runs of memory that could be RAM by size. */
static int find_runs(const struct gr_smaps *smaps, struct gr_spans *runs)
{
	for (size_t i = 0; i < smaps->count;) {
		struct gr_span span = { .first = i, .count = 1 };

		i++;
		if (!is_memory(&smaps->vmas[span.first]))
			continue;
		while (i < smaps->count && is_memory(&smaps->vmas[i]) &&
		       continues(&smaps->vmas[i - 1], &smaps->vmas[i])) {
			span.count++;
			i++;
		}
		if (span_bytes(smaps, &span) >= GR_RAM_MIN_BYTES && add_span(runs, span) < 0)
			return -ENOMEM;
	}
	return 0;
}

/* Is [start, end) of this file in the list already? A file mapped twice is one piece of RAM. */
static bool is_alias(const struct gr_smaps *smaps, const struct gr_spans *spans,
		     const struct gr_span *span)
{
	const struct gr_vma *vma = &smaps->vmas[span->first];

	for (size_t i = 0; i < spans->count && vma->inode; i++) {
		const struct gr_vma *other = &smaps->vmas[spans->spans[i].first];

		if (other->inode == vma->inode && other->dev_major == vma->dev_major &&
		    other->dev_minor == vma->dev_minor && other->shared && vma->shared &&
		    vma->offset < other->offset + span_bytes(smaps, &spans->spans[i]) &&
		    other->offset < vma->offset + span_bytes(smaps, span))
			return true;
	}
	return false;
}

/*
 * A run of anonymous memory that is, or holds as one VMA, a size that was asked for. The kernel
 * rounds up to whole pages. Fills *@span with the part. The size is used up.
 */
static bool take_wanted(const struct gr_smaps *smaps, uint64_t *wanted, size_t count,
			struct gr_span *span)
{
	for (size_t w = 0; w < count; w++) {
		uint64_t page = smaps->vmas[span->first].kernel_page_bytes;

		if (!wanted[w])
			continue;
		if (span_bytes(smaps, span) - wanted[w] < gr_max_u64(page, 1)) {
			wanted[w] = 0;
			return true;
		}
		for (size_t i = span->first; i < span->first + span->count; i++) {
			if (gr_vma_bytes(&smaps->vmas[i]) - wanted[w] >= gr_max_u64(page, 1))
				continue;
			wanted[w] = 0;
			*span = (struct gr_span){ .first = i, .count = 1 };
			return true;
		}
	}
	return false;
}

static bool is_ram_file(const struct gr_vma *vma, bool is_vm)
{
	if (has_name(vma, ram_names, GR_ARRAY_SIZE(ram_names)))
		return true;
	return is_vm && (vma->hugetlb || has_name(vma, memory_names, GR_ARRAY_SIZE(memory_names)));
}

static int pick(const struct gr_smaps *smaps, const struct gr_spans *runs, bool is_vm,
		uint64_t *wanted, size_t wanted_count, struct gr_spans *ret)
{
	bool sizes_known = wanted_count > 0;
	size_t files;

	/* Sizes first go to files, so that what is left of them is anonymous. */
	for (size_t i = 0; i < runs->count; i++) {
		struct gr_span span = runs->spans[i];
		const struct gr_vma *vma = &smaps->vmas[span.first];

		if (!is_ram_file(vma, is_vm) || is_alias(smaps, ret, &span))
			continue;
		take_wanted(smaps, wanted, wanted_count,
			    &(struct gr_span){ span.first, span.count });
		if (add_span(ret, span) < 0)
			return -ENOMEM;
	}
	files = ret->count;
	for (size_t i = 0; i < runs->count && is_vm; i++) {
		struct gr_span span = runs->spans[i];
		const struct gr_vma *vma = &smaps->vmas[span.first];

		if (is_ram_file(vma, is_vm))
			continue;
		if (sizes_known ? !take_wanted(smaps, wanted, wanted_count, &span)
				: !is_anonymous(vma) || files > 0)
			continue;
		if (add_span(ret, span) < 0)
			return -ENOMEM;
	}
	/* A VM that came out of a snapshot (Firecracker) has its RAM as a private copy of that. */
	for (size_t i = 0; i < runs->count && is_vm && !ret->count && !sizes_known; i++) {
		if (!smaps->vmas[runs->spans[i].first].shared && add_span(ret, runs->spans[i]) < 0)
			return -ENOMEM;
	}
	return 0;
}

/* Of a file that is mapped twice, once: or its pages would be counted twice. */
static void drop_aliases(const struct gr_smaps *smaps, struct gr_spans *spans)
{
	struct gr_spans kept = { .spans = spans->spans };

	for (size_t i = 0; i < spans->count; i++) {
		struct gr_span span = spans->spans[i];

		if (!is_alias(smaps, &kept, &span))
			kept.spans[kept.count++] = span;
	}
	spans->count = kept.count;
}

static int compare_spans(const void *a, const void *b)
{
	const struct gr_span *x = a, *y = b;

	return (x->first > y->first) - (x->first < y->first);
}

int gr_recognise(const struct gr_smaps *smaps, bool is_vm, const uint64_t *wanted,
		 size_t wanted_count, struct gr_spans *ret)
{
	_cleanup_spans_ struct gr_spans runs = { 0 }, picked = { 0 };
	_cleanup_free_ uint64_t *sizes = calloc(wanted_count + 1, sizeof(*sizes));
	int r;

	if (!sizes)
		return -ENOMEM;
	if (wanted_count)
		memcpy(sizes, wanted, wanted_count * sizeof(*sizes));
	r = find_runs(smaps, &runs);
	if (r == 0)
		r = pick(smaps, &runs, is_vm, sizes, wanted_count, &picked);
	if (r == 0 && !picked.count && wanted_count) /* sizes that nothing has say nothing */
		r = pick(smaps, &runs, is_vm, NULL, 0, &picked);
	if (r < 0)
		return r;
	if (picked.count) {
		qsort(picked.spans, picked.count, sizeof(*picked.spans), compare_spans);
		picked.recognised = true;
		*ret = picked;
		picked = (struct gr_spans){ 0 };
	} else {
		drop_aliases(smaps, &runs);
		*ret = runs;
		runs = (struct gr_spans){ 0 };
	}
	return 0;
}

int gr_spans_in(const struct gr_smaps *smaps, uint64_t start, uint64_t end, struct gr_spans *ret)
{
	_cleanup_spans_ struct gr_spans spans = { 0 };

	for (size_t i = 0; i < smaps->count; i++) {
		const struct gr_vma *vma = &smaps->vmas[i];
		struct gr_span *last = spans.count ? &spans.spans[spans.count - 1] : NULL;

		if (vma->start < start || vma->end > end)
			continue;
		if (last && last->first + last->count == i && continues(vma - 1, vma))
			last->count++;
		else if (add_span(&spans, (struct gr_span){ .first = i, .count = 1 }) < 0)
			return -ENOMEM;
	}
	spans.recognised = spans.count > 0;
	*ret = spans;
	spans = (struct gr_spans){ 0 };
	return 0;
}

void gr_spans_done(struct gr_spans *spans)
{
	free(spans->spans);
	*spans = (struct gr_spans){ 0 };
}
