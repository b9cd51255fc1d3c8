// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * A domain from libvirt or from a file that a person named, and the way back. A file is replaced as
 * a whole, beside itself and by rename, with the mode that it had.
 */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/util.h"
#include "cli/libvirt_cli.h"
#include "guest/domain_xml.h"

void gr_cli_domain_done(struct gr_cli_domain *domain)
{
	gr_libvirt_close(domain->libvirt);
	free(domain->name);
	free(domain->text);
	*domain = (struct gr_cli_domain){ 0 };
}

static int file_error(struct gr_cli *cli, const char *doing, const char *path)
{
	int number = errno;

	return gr_error_set(&cli->err, number == ENOENT ? GR_CLASS_USAGE : GR_CLASS_SYSTEM, number,
			    "cannot %s %.256s: %s", doing, path, strerror(number));
}

int gr_cli_read_file(struct gr_cli *cli, const char *path, char **ret, size_t *ret_len)
{
	_cleanup_close_ int opened = -1;
	_cleanup_free_ char *text = malloc(GR_DOMAIN_TEXT_MAX + 2);
	size_t len = 0;
	ssize_t n;
	int fd = STDIN_FILENO;

	if (!text)
		return gr_error_nomem(&cli->err);
	if (strcmp(path, "-") != 0) {
		fd = opened = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
		if (fd < 0)
			return file_error(cli, "open", path);
	}
	for (;;) {
		n = read(fd, text + len, GR_DOMAIN_TEXT_MAX + 1 - len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		len += (size_t)n;
	}
	if (n < 0)
		return file_error(cli, "read", path);
	if (len > GR_DOMAIN_TEXT_MAX)
		return gr_error_set(&cli->err, GR_CLASS_USAGE, E2BIG,
				    "%.256s is no domain: too large", path);
	text[len] = '\0';
	*ret = gr_steal_ptr(text);
	*ret_len = len;
	return 0;
}

static int from_file(struct gr_cli *cli, const char *path, struct gr_cli_domain *ret)
{
	_cleanup_domain_ struct gr_domain *domain = NULL;
	int r = gr_cli_read_file(cli, path, &ret->text, &ret->len);

	if (r >= 0)
		r = gr_domain_parse(ret->text, ret->len, &domain, &cli->err);
	if (r < 0)
		return r;
	ret->file = path;
	ret->persistent = true;
	ret->name = strdup(domain->name ? domain->name : "");
	return ret->name ? 0 : gr_error_nomem(&cli->err);
}

static int from_libvirt(struct gr_cli *cli, const struct gr_args *args, const char *name,
			struct gr_cli_domain *ret)
{
	_cleanup_libvirt_domain_ struct gr_libvirt_domain domain = { 0 };
	int r = gr_libvirt_open(gr_arg(args, "connect"), &ret->libvirt, &cli->err);

	if (r >= 0)
		r = gr_libvirt_domain(ret->libvirt, name, false, &domain, &cli->err);
	if (r < 0)
		return r;
	ret->name = gr_steal_ptr(domain.name);
	ret->text = gr_steal_ptr(domain.xml);
	ret->len = strlen(ret->text);
	ret->running = domain.running;
	ret->persistent = domain.persistent;
	ret->saved = domain.saved;
	return 0;
}

int gr_cli_domain_read(struct gr_cli *cli, const struct gr_args *args, const char *name,
		       struct gr_cli_domain *ret)
{
	const char *file = gr_arg(args, "file");
	struct gr_cli_domain domain = { 0 };
	int r;

	if (!file == !name)
		return gr_cli_usage(cli, file ? "a domain or --file, not both" :
						"which domain? Name it, or give --file FILE");
	r = file ? from_file(cli, file, &domain) : from_libvirt(cli, args, name, &domain);
	if (r < 0)
		gr_cli_domain_done(&domain);
	else
		*ret = domain;
	return r;
}

static int write_file(struct gr_cli *cli, const char *path, const char *text)
{
	_cleanup_free_ char *beside = NULL, *real = realpath(path, NULL);
	_cleanup_close_ int fd = -1;
	size_t left = strlen(text);
	struct stat st;

	if (!real || stat(real, &st) < 0)
		return file_error(cli, "find", path);
	if (gr_asprintf(&beside, "%s.XXXXXX", real) < 0)
		return gr_error_nomem(&cli->err);
	fd = mkostemp(beside, O_CLOEXEC);
	if (fd < 0)
		return file_error(cli, "write beside", path);
	while (left) {
		ssize_t n = write(fd, text, left);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		text += n;
		left -= (size_t)n;
	}
	if (left || fchmod(fd, st.st_mode & 0777) < 0 || fsync(fd) < 0 ||
	    rename(beside, real) < 0) {
		int r = file_error(cli, "write", path);

		unlink(beside);
		return r;
	}
	return 0;
}

int gr_cli_domain_write(struct gr_cli *cli, const struct gr_cli_domain *domain, const char *text)
{
	if (domain->libvirt)
		return gr_libvirt_define(domain->libvirt, text, &cli->err);
	if (strcmp(domain->file, "-") != 0)
		return write_file(cli, domain->file, text);
	return 0;
}
