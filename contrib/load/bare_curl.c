/* SPDX-License-Identifier: ISC */
/* usage: bare_curl [-c AT_ONCE] [-s SECONDS] URL AUTHORIZATION FORM
 * Posts the form over and over with curl's multi interface on libevent, on kept
 * connections, and throws the answers away: the least that a call costs whoever uses
 * curl.  SSL_CERT_FILE names the CA.  One line says what was seen. */
#include "config.h"

#include <curl/curl.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

static struct event_base *base;
static struct event *timer;
static CURLM *multi;
static unsigned long answers, errors, size;

static void
die(const char *what)
{
	fprintf(stderr, "bare_curl: %s\n", what);
	exit(1);
}

static double
now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Whatever has ended begins again. */
static void
collect(void)
{
	CURLMsg *m;
	CURL *c;
	int left;

	while ((m = curl_multi_info_read(multi, &left)) != NULL) {
		c = m->easy_handle;
		if (m->data.result == CURLE_OK) {
			answers++;
		} else if (errors++ == 0) {
			fprintf(stderr, "bare_curl: %s\n",
			    curl_easy_strerror(m->data.result));
		}
		curl_multi_remove_handle(multi, c);
		if (errors < 100)
			curl_multi_add_handle(multi, c);
	}
}

static void
on_socket(evutil_socket_t fd, short what, void *arg)
{
	int running, bits = (what & EV_READ ? CURL_CSELECT_IN : 0) |
	    (what & EV_WRITE ? CURL_CSELECT_OUT : 0);

	(void)arg;
	curl_multi_socket_action(multi, fd, bits, &running);
	collect();
}

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	int running;

	(void)fd, (void)what, (void)arg;
	curl_multi_socket_action(multi, CURL_SOCKET_TIMEOUT, 0, &running);
	collect();
}

static int
want_timer(CURLM *m, long ms, void *arg)
{
	struct timeval tv = { ms / 1000, ms % 1000 * 1000 };

	(void)m, (void)arg;
	if (ms < 0)
		event_del(timer);
	else
		event_add(timer, &tv);
	return 0;
}

static int
want_socket(CURL *c, curl_socket_t fd, int what, void *arg, void *given)
{
	struct event *ev = given;
	short bits = EV_PERSIST | (what & CURL_POLL_IN ? EV_READ : 0) |
	    (what & CURL_POLL_OUT ? EV_WRITE : 0);

	(void)c, (void)arg;
	if (ev != NULL)
		event_free(ev);
	ev = NULL;
	if (what != CURL_POLL_REMOVE) {
		ev = event_new(base, fd, bits, on_socket, NULL);
		event_add(ev, NULL);
	}
	curl_multi_assign(multi, fd, ev);
	return 0;
}

static size_t
on_body(char *p, size_t n, size_t of, void *arg)
{
	(void)p, (void)arg;
	size += n * of;
	return n * of;
}

static void
begin(const char *url, struct curl_slist *headers, const char *form)
{
	CURL *c = curl_easy_init();

	if (c == NULL)
		die("no handle");
	curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(c, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	curl_easy_setopt(c, CURLOPT_PROXY, "");
	curl_easy_setopt(c, CURLOPT_CAPATH, NULL);
	if (getenv("SSL_CERT_FILE") != NULL)
		curl_easy_setopt(c, CURLOPT_CAINFO, getenv("SSL_CERT_FILE"));
	curl_easy_setopt(c, CURLOPT_URL, url);
	curl_easy_setopt(c, CURLOPT_HTTPHEADER, headers);
	curl_easy_setopt(c, CURLOPT_POSTFIELDS, form);
	curl_easy_setopt(c, CURLOPT_FAILONERROR, 1L);
	curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, on_body);
	curl_multi_add_handle(multi, c);
}

static void
report(double took)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	printf("requests=%lu errors=%lu seconds=%.3f cpu=%.3f bytes=%lu\n",
	    answers, errors, took,
	    (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
	    (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6,
	    answers > 0 ? size / answers : 0);
}

int
main(int argc, char **argv)
{
	struct curl_slist *headers = NULL;
	struct timeval tv;
	int c, handles = 1;
	double seconds = 2, began = now();

	while ((c = getopt(argc, argv, "c:s:")) != -1) {
		if (c == 'c')
			handles = atoi(optarg);
		else if (c == 's')
			seconds = strtod(optarg, NULL);
		else
			return 2;
	}
	if (argc - optind != 3)
		die("URL AUTHORIZATION FORM");
	base = event_base_new();
	multi = curl_multi_init();
	if (base == NULL || multi == NULL)
		die("no memory");
	timer = event_new(base, -1, 0, on_timer, NULL);
	curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, want_socket);
	curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, want_timer);
	headers = curl_slist_append(headers, argv[optind + 1]);
	headers = curl_slist_append(headers, "Expect:");
	for (int i = 0; i < handles; i++)
		begin(argv[optind], headers, argv[optind + 2]);
	tv.tv_sec = (time_t)seconds;
	tv.tv_usec = (suseconds_t)((seconds - (double)tv.tv_sec) * 1e6);
	event_base_loopexit(base, &tv);
	event_base_dispatch(base);
	report(now() - began);
	return errors > 0;
}
