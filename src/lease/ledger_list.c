// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Reading the ledger: one lease or all of them. With the lock held, a file that cannot be read as a
 * lease is set aside as NAME.json.damaged; without it, it is only named.
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/util.h"
#include "lease/ledger.h"

#define DAMAGED ".damaged"
#define LEASE_FILE_MAX 262144

static int read_lease_file(int dir_fd, const char *file, struct gr_lease **ret)
{
	_cleanup_free_ char *text = malloc(LEASE_FILE_MAX + 1);
	_cleanup_close_ int fd = openat(dir_fd, file, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	size_t len = 0;

	if (!text)
		return -ENOMEM;
	if (fd < 0)
		return -errno;
	for (;;) {
		ssize_t n = read(fd, text + len, LEASE_FILE_MAX - len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		len += (size_t)n;
		if (len == LEASE_FILE_MAX)
			return -EBADMSG;
	}
	text[len] = '\0';
	if (strlen(text) != len)
		return -EBADMSG;
	return gr_lease_from_text(text, ret);
}

int gr_ledger_find(struct gr_ledger *ledger, const char *name, struct gr_lease **ret,
		   struct gr_error *err)
{
	char file[GR_LEASE_NAME_MAX + 8];
	struct gr_lease *lease = NULL;
	int r = gr_lease_name_check(name, err);

	if (r < 0)
		return r;
	snprintf(file, sizeof(file), "%s.json", name);
	r = ledger->leases_fd < 0 ? -ENOENT : read_lease_file(ledger->leases_fd, file, &lease);
	if (r == -ENOENT) {
		r = gr_error_set(err, GR_CLASS_NO, ENOENT, "there is no lease '%s'", name);
		gr_error_hint(err, "`guestram list` shows those there are");
		return r;
	}
	if (r >= 0 && strcmp(lease->name, name)) {
		gr_lease_free(lease);
		r = -EBADMSG;
	}
	if (r < 0)
		return gr_error_set(err, GR_CLASS_SYSTEM, -r, "lease file of '%s': %s", name,
				    r == -EBADMSG ? "damaged" :
				    r == -EPROTO ? "of another version of guestram" : strerror(-r));
	*ret = lease;
	return 0;
}

static int add_name(char ***names, size_t *count, const char *file)
{
	char *name = strdup(file);

	if (!name || gr_grow(names, *count, sizeof(char *)) < 0) {
		free(name);
		return -ENOMEM;
	}
	(*names)[(*count)++] = name;
	return 0;
}

static int set_aside(struct gr_ledger *ledger, const char *file, struct gr_leases *leases)
{
	char aside[320];

	if (add_name(&leases->damaged, &leases->damaged_count, file) < 0)
		return -ENOMEM;
	/* An earlier one of that name is kept: this one stays where it is then. */
	snprintf(aside, sizeof(aside), "%s" DAMAGED, file);
	if (ledger->lock_fd >= 0)
		renameat2(ledger->leases_fd, file, ledger->leases_fd, aside, RENAME_NOREPLACE);
	return 0;
}

static int take_file(struct gr_ledger *ledger, const char *file, struct gr_leases *leases)
{
	struct gr_lease *lease = NULL;
	size_t stem = strlen(file) - strlen(".json");
	int r = read_lease_file(ledger->leases_fd, file, &lease);

	if (r == -ENOENT || r == -ENOMEM)
		return r == -ENOENT ? 0 : r;
	if (r >= 0 && (strlen(lease->name) != stem || strncmp(lease->name, file, stem))) {
		gr_lease_free(lease);
		r = -EBADMSG;
	}
	if (r == -EPROTO)
		return add_name(&leases->aside, &leases->aside_count, file);
	if (r < 0)
		return set_aside(ledger, file, leases);
	if (gr_grow(&leases->leases, leases->count, sizeof(struct gr_lease *)) < 0) {
		gr_lease_free(lease);
		return -ENOMEM;
	}
	leases->leases[leases->count++] = lease;
	return 0;
}

static int compare_leases(const void *a, const void *b)
{
	const struct gr_lease *const *x = a, *const *y = b;

	return strverscmp((*x)->name, (*y)->name);
}

static bool ends_in(const char *name, const char *end)
{
	size_t len = strlen(name), end_len = strlen(end);

	return len > end_len && !strcmp(name + len - end_len, end);
}

/* All names first: what is renamed on the way must not be met again under its new name. */
static int read_names(const struct gr_ledger *ledger, char ***ret, size_t *ret_count)
{
	/* A fresh description: the fd's own position would end after one listing. */
	int fd = openat(ledger->leases_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), r = 0;
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;

	if (!dir) {
		r = -errno;
		if (fd >= 0)
			close(fd);
		return r;
	}
	while (r >= 0 && (entry = readdir(dir)))
		r = add_name(ret, ret_count, entry->d_name);
	closedir(dir);
	return r;
}

static int take_name(struct gr_ledger *ledger, const char *name, struct gr_leases *leases)
{
	/* Who has the lock is the only writer: a file half written was left by a kill. */
	if (ledger->lock_fd >= 0 && name[0] == '.' && ends_in(name, ".new"))
		unlinkat(ledger->leases_fd, name, 0);
	if (name[0] == '.')
		return 0;
	if (ends_in(name, ".json"))
		return take_file(ledger, name, leases);
	if (ends_in(name, ".json" DAMAGED))
		return add_name(&leases->aside, &leases->aside_count, name);
	return 0;
}

int gr_ledger_list(struct gr_ledger *ledger, struct gr_leases *ret, struct gr_error *err)
{
	struct gr_leases leases = { 0 };
	char **names = NULL;
	size_t count = 0;
	int r = ledger->leases_fd < 0 ? 0 : read_names(ledger, &names, &count);

	for (size_t i = 0; i < count && r >= 0; i++)
		r = take_name(ledger, names[i], &leases);
	for (size_t i = 0; i < count; i++)
		free(names[i]);
	free(names);
	if (r < 0) {
		gr_leases_done(&leases);
		return gr_error_set(err, GR_CLASS_SYSTEM, -r, "cannot list the leases: %s",
				    strerror(-r));
	}
	if (leases.count)
		qsort(leases.leases, leases.count, sizeof(struct gr_lease *), compare_leases);
	*ret = leases;
	return 0;
}

void gr_leases_done(struct gr_leases *leases)
{
	for (size_t i = 0; i < leases->count; i++)
		gr_lease_free(leases->leases[i]);
	for (size_t i = 0; i < leases->damaged_count; i++)
		free(leases->damaged[i]);
	free(leases->leases);
	for (size_t i = 0; i < leases->aside_count; i++)
		free(leases->aside[i]);
	free(leases->damaged);
	free(leases->aside);
	*leases = (struct gr_leases){ 0 };
}
