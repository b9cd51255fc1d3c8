// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * A stand-in for QEMU: takes the memory that a memory-backend-file object names, writes to every
 * 4 KiB of it, says "ready", and waits for SIGTERM. `-life MS` ends it by itself, `-status N` with
 * that status; `-keeper MS` leaves a process behind that keeps the memory, as a vhost-user backend
 * does. Called qemu-system-standin, so that guestram treats it as QEMU.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static volatile sig_atomic_t ended;

static void on_term(int number)
{
	ended = number;
}

static void use_memory(const char *object)
{
	const char *path = strstr(object, "mem-path=");
	char name[256];
	struct stat st;
	char *memory;
	int fd;

	if (!path)
		return;
	path += strlen("mem-path=");
	snprintf(name, sizeof(name), "%.*s", (int)strcspn(path, ","), path);
	fd = open(name, O_RDWR | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0) {
		perror(name);
		exit(9);
	}
	memory = mmap(NULL, (size_t)st.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (memory == MAP_FAILED) {
		perror("mmap");
		exit(9);
	}
	for (off_t i = 0; i < st.st_size; i += 4096)
		memory[i] = 1;
}

int main(int argc, char **argv)
{
	int life_ms = 60000, status = 0;

	signal(SIGTERM, on_term);
	signal(SIGINT, on_term);
	signal(SIGUSR1, on_term);
	for (int i = 1; i + 1 < argc; i++) {
		if (!strcmp(argv[i], "-object"))
			use_memory(argv[i + 1]);
		else if (!strcmp(argv[i], "-life"))
			life_ms = atoi(argv[i + 1]);
		else if (!strcmp(argv[i], "-status"))
			status = atoi(argv[i + 1]);
	}
	for (int i = 1; i + 1 < argc; i++) {
		if (strcmp(argv[i], "-keeper") != 0 || fork() != 0)
			continue;
		/* Nobody must wait for the keeper's ends of the pipes. */
		close(0);
		close(1);
		close(2);
		for (int fd = 3; fd < 20; fd++)
			close(fd);
		usleep((useconds_t)atoi(argv[i + 1]) * 1000);
		_exit(0);
	}
	puts("ready");
	fflush(stdout);
	for (int i = 0; i < life_ms / 2 && !ended; i++)
		usleep(2000);
	if (ended)
		printf("signal %d\n", (int)ended);
	return status;
}
