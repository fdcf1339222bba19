/* SPDX-License-Identifier: ISC */
#include "config.h"
#include "net/channel.h"

#include "base/counter.h"
#include "base/log.h"
#include "base/mem.h"
#include "run.h"

#include <check.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static struct {
	struct event_base *base;
	struct channel *a, *b;
	int fds[2];
	char *got;			/* data of all packets */
	size_t len;
	struct message last;
	int messages, gone, taken;
	bool free_in_callback;
} t;

static void
on_message(struct channel *ch, const struct message *m, void *arg)
{
	ck_assert_ptr_eq(arg, &t);
	ck_assert_int_eq(m->data[m->len], '\0');
	t.got = mem_array(t.got, t.len + m->len + 1, 1);
	memcpy(t.got + t.len, m->data, m->len);
	t.len += m->len;
	t.last = *m;
	t.messages++;
	if (m->fd != -1)
		t.taken = m->fd;
	if (t.free_in_callback) {
		channel_free(ch);
		t.b = NULL;
	}
}

static void
on_gone(struct channel *ch, void *arg)
{
	(void)arg;
	t.gone++;
	if (ch == t.b)
		t.b = NULL;
	else
		t.a = NULL;
	channel_free(ch);
}

static void
setup(void)
{
	log_quiet();
	memset(&t, 0, sizeof(t));
	t.taken = -1;
	t.base = event_base_new();
	ck_assert_int_eq(channel_pair(t.fds), 0);
	t.a = channel_new(t.base, t.fds[0], on_message, on_gone, &t);
	t.b = channel_new(t.base, t.fds[1], on_message, on_gone, &t);
}

static void
teardown(void)
{
	channel_free(t.a);
	channel_free(t.b);
	event_base_free(t.base);
	free(t.got);
	if (t.taken != -1)
		close(t.taken);
}

static void
turn(void)
{
	event_base_loop(t.base, EVLOOP_NONBLOCK);
}

static void
until_messages(int n)
{
	for (int i = 0; i < 100000 && t.messages < n; i++)
		turn();
	ck_assert_int_eq(t.messages, n);
}

START_TEST(not_understood)
{
	static const struct {
		size_t len;
		unsigned char bytes[12];
	} rows[] = {
		{ 1, { 0 } },
		{ 7, { 0 } },
		{ 8, { 0xff, 0xff } },
		{ 8, { MSG_COUNT, 0 } },
	};

	ck_assert_int_gt(send(channel_fd(t.a), rows[_i].bytes, rows[_i].len, 0), 0);
	turn();
	turn();
	ck_assert_int_eq(t.messages, 0);
	ck_assert_int_eq(t.gone, 0);
	ck_assert(channel_send(t.a, MSG_READY, 0, NULL, 0, -1));
	until_messages(1);
}
END_TEST

START_TEST(gone_once)
{
	channel_free(t.a);
	t.a = NULL;
	for (int i = 0; i < 5; i++)
		turn();
	ck_assert_int_eq(t.gone, 1);
	ck_assert_int_eq(t.messages, 0);
}
END_TEST

START_TEST(send_to_gone)
{
	uint64_t before = counter_get(CNT_CHANNEL_DROPPED);

	channel_free(t.b);
	t.b = NULL;
	ck_assert(!channel_send(t.a, MSG_DRAIN, 0, "8000", 4, -1));
	ck_assert_uint_eq(counter_get(CNT_CHANNEL_DROPPED), before + 1);
}
END_TEST

START_TEST(full_drops)
{
	uint64_t before = counter_get(CNT_CHANNEL_DROPPED);
	char *big = mem_new(CHANNEL_PACKET * 8);
	int sent = 0;

	while (channel_send(t.a, MSG_COMMAND, 1, big, CHANNEL_PACKET * 8, -1))
		ck_assert_int_lt(++sent, 1000);
	ck_assert_int_gt(sent, 1);
	ck_assert_uint_eq(counter_get(CNT_CHANNEL_DROPPED), before + 1);
	/* what was taken arrives whole, and then there is room again */
	until_messages(sent * 8);
	ck_assert(t.last.last);
	ck_assert(channel_send(t.a, MSG_COMMAND, 1, big, 10, -1));
	until_messages(sent * 8 + 1);
	free(big);
}
END_TEST

START_TEST(gone_while_queued)
{
	char *big = mem_new(CHANNEL_PACKET * 32);
	int p[2];

	ck_assert_int_eq(pipe2(p, O_CLOEXEC), 0);
	ck_assert(channel_send(t.a, MSG_COMMAND, 1, big, CHANNEL_PACKET * 32, -1));
	ck_assert(channel_send(t.a, MSG_REOPEN, 1, NULL, 0, p[0]));
	channel_free(t.b);
	t.b = NULL;
	for (int i = 0; i < 5; i++)
		turn();
	ck_assert_int_eq(t.gone, 1);
	close(p[0]);
	close(p[1]);
	free(big);
}
END_TEST

START_TEST(free_in_callback)
{
	t.free_in_callback = true;
	ck_assert(channel_send(t.a, MSG_READY, 0, "x", 1, -1));
	ck_assert(channel_send(t.a, MSG_READY, 0, "y", 1, -1));
	for (int i = 0; i < 5; i++)
		turn();
	ck_assert_int_eq(t.messages, 1);
}
END_TEST

START_TEST(lengths)
{
	static const struct {
		size_t len;
		int packets;
	} rows[] = {
		{ 0, 1 }, { 1, 1 }, { CHANNEL_PACKET - 1, 1 }, { CHANNEL_PACKET, 1 },
		{ CHANNEL_PACKET + 1, 2 }, { 2 * CHANNEL_PACKET, 2 },
		{ 40 * CHANNEL_PACKET + 7, 41 },
	};
	char *data = mem_new(rows[_i].len);

	for (size_t i = 0; i < rows[_i].len; i++)
		data[i] = (char)(i * 7 + i / 251);
	ck_assert(channel_reply(t.a, 77, _i % 2 == 1, data, rows[_i].len));
	until_messages(rows[_i].packets);
	ck_assert_int_eq(t.last.type, MSG_REPLY);
	ck_assert_uint_eq(t.last.id, 77);
	ck_assert_int_eq(t.last.last, true);
	ck_assert_int_eq(t.last.error, _i % 2 == 1);
	ck_assert_uint_eq(t.len, rows[_i].len);
	ck_assert_int_eq(memcmp(t.got, data, t.len), 0);
	free(data);
}
END_TEST

START_TEST(descriptor)
{
	int p[2];
	char c = 0;

	ck_assert_int_eq(pipe2(p, O_CLOEXEC), 0);
	ck_assert(channel_send(t.a, MSG_REOPEN, 0, NULL, 0, p[1]));
	close(p[1]);
	until_messages(1);
	ck_assert_int_eq(t.last.type, MSG_REOPEN);
	ck_assert_int_ne(t.taken, -1);
	ck_assert_int_eq(fcntl(t.taken, F_GETFD), FD_CLOEXEC);
	ck_assert_int_eq(write(t.taken, "z", 1), 1);
	ck_assert_int_eq(read(p[0], &c, 1), 1);
	ck_assert_int_eq(c, 'z');
	close(p[0]);
}
END_TEST

START_TEST(names)
{
	ck_assert_str_eq(message_name(MSG_READY), "READY");
	ck_assert_str_eq(message_name(MSG_COUNT), "unknown");
}
END_TEST

int
main(void)
{
	TCase *tc = tcase_create("channel");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 30);
	tcase_add_loop_test(tc, not_understood, 0, 4);
	tcase_add_test(tc, gone_once);
	tcase_add_test(tc, send_to_gone);
	tcase_add_test(tc, full_drops);
	tcase_add_test(tc, gone_while_queued);
	tcase_add_test(tc, free_in_callback);
	tcase_add_loop_test(tc, lengths, 0, 7);
	tcase_add_test(tc, descriptor);
	tcase_add_test(tc, names);
	return run_case("channel", tc);
}
