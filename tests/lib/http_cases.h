/* SPDX-License-Identifier: MIT */
/*
 * Bad HTTP, case by case: what a client sends, which statuses it gets back, and
 * whether the connection is then "open" or "closed". The cases follow what public
 * collections of such requests cover: RFC 9112 (2.2, 3, 5, 6, 7, 11), the request
 * smuggling classes CL.TE, TE.CL, TE.TE, CL.0 and 0.CL, the h1 suites of
 * http-garden and of llhttp, nginx's and HAProxy's regression tests.
 *
 * What holds in each case: bytes of one request's body never become another
 * request. So every case whose body could be one has in it a request that would
 * set the key "smuggled", which must not be there afterwards; and a connection
 * that is still open must answer the next request, once.
 *
 * The same cases run against the front on the host (tests/unit/badhttp_test.c) and
 * against pvkitd in the machine (tests/selftests/rest/bad_http.c).
 */
#ifndef PVKIT_TESTS_HTTP_CASES_H
#define PVKIT_TESTS_HTTP_CASES_H

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

struct http_case {
	const char *name;
	const char *bytes;
	size_t len;
	const char *want;	/* "200 400 closed" */
};

/* Large ones: before, so many times again, after. */
struct http_large_case {
	const char *name;
	const char *before, *again, *after;
	size_t times;
	const char *want;
};

#define HOST		"Host: x\r\n"
#define LIST		"GET /drivers HTTP/1.1\r\n" HOST
#define SET		"PUT /user-meta/k HTTP/1.1\r\n" HOST
#define CHUNKED		"Transfer-Encoding: chunked\r\n"
/* 75 bytes, 4b in hexadecimal. */
#define SMUGGLED	"PUT /user-meta/smuggled HTTP/1.1\r\n" HOST "Content-Length: 10\r\n\r\n" \
			"1234567890"
#define NEXT		LIST "\r\n"

#define CASE(name, bytes, want)	{ name, bytes, sizeof(bytes) - 1, want }

static const struct http_case http_cases[] = {
	/* ---- what is well-formed, if unusual ---- */
	CASE("a plain request", LIST "\r\n", "200 open"),
	CASE("an empty line before it", "\r\n" LIST "\r\n", "400 closed"),
	CASE("no Host", "GET /drivers HTTP/1.1\r\n\r\n", "200 open"),
	CASE("two of them", "GET /drivers HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", "200 open"),
	CASE("an empty one", "GET /drivers HTTP/1.1\r\nHost:\r\n\r\n", "200 open"),
	CASE("header names in any case", SET "cOnTeNt-LeNgTh: 1\r\n\r\nv", "200 open"),
	CASE("white space around a value", SET "Content-Length: \t 1 \t \r\n\r\nv", "200 open"),
	CASE("zeros before a length", SET "Content-Length: 0001\r\n\r\nv", "200 open"),
	CASE("a length of nothing", LIST "Content-Length: 0\r\n\r\n", "200 open"),
	CASE("a PUT without a length has no body", SET "\r\n" NEXT, "400 200 open"),
	CASE("Connection: close", LIST "Connection: close\r\n\r\n" NEXT, "200 closed"),
	CASE("HTTP/1.0", "GET /drivers HTTP/1.0\r\n\r\n" NEXT, "200 closed"),
	CASE("HTTP/1.0 that stays", "GET /drivers HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
	     "200 open"),
	CASE("an upgrade to HTTP/2 is not taken up", LIST "Connection: Upgrade, HTTP2-Settings\r\n"
	     "Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n\r\n", "200 open"),
	CASE("nor one to a WebSocket", LIST "Connection: Upgrade\r\nUpgrade: websocket\r\n"
	     "Sec-WebSocket-Version: 13\r\n\r\n", "200 open"),
	CASE("a client that waits for 100-continue", SET "Expect: 100-continue\r\n"
	     "Content-Length: 1\r\n\r\n", "100 waits"),
	CASE("one that does not wait", SET "Expect: 100-continue\r\nContent-Length: 1\r\n\r\nv",
	     "200 open"),
	CASE("a second request that waits for it", LIST "\r\n" SET "Expect: 100-continue\r\n"
	     "Content-Length: 1\r\n\r\n", "200 100 waits"),
	CASE("another expectation of a second request", LIST "\r\n" SET "Expect: tea\r\n"
	     "Content-Length: 1\r\n\r\nv", "200 417 closed"),
	CASE("another expectation", SET "Expect: tea\r\nContent-Length: 75\r\n\r\n" SMUGGLED,
	     "417 closed"),

	/* ---- lengths ---- */
	CASE("a GET with a body", LIST "Content-Length: 75\r\n\r\n" SMUGGLED, "400 closed"),
	CASE("a GET with a body in chunks", LIST CHUNKED "\r\n4b\r\n" SMUGGLED "\r\n0\r\n\r\n",
	     "400 closed"),
	CASE("a DELETE with a body", "DELETE /user-meta/k HTTP/1.1\r\n" HOST
	     "Content-Length: 75\r\n\r\n" SMUGGLED, "400 closed"),
	CASE("a HEAD with a body", "HEAD /drivers HTTP/1.1\r\n" HOST
	     "Content-Length: 75\r\n\r\n" SMUGGLED, "400 closed"),
	CASE("an OPTIONS with a body", "OPTIONS /drivers HTTP/1.1\r\n" HOST
	     "Content-Length: 75\r\n\r\n" SMUGGLED, "400 closed"),
	CASE("an unknown method with a body", "FROB /drivers HTTP/1.1\r\n" HOST
	     "Content-Length: 75\r\n\r\n" SMUGGLED, "400 closed"),
	CASE("a body where none is expected", "PUT /drivers/load HTTP/1.1\r\n" HOST
	     "Content-Length: 75\r\n\r\n" SMUGGLED, "200 open"),
	CASE("JSON where none is expected", "PUT /drivers/unload HTTP/1.1\r\n" HOST
	     "Content-Type: application/json\r\nContent-Length: 13\r\n\r\n{\"smuggled\":1",
	     "200 open"),
	CASE("a body for an unknown path", "POST /nowhere HTTP/1.1\r\n" HOST
	     "Content-Length: 75\r\n\r\n" SMUGGLED, "400 open"),
	CASE("two lengths", SET "Content-Length: 76\r\nContent-Length: 1\r\n\r\nv" SMUGGLED,
	     "400 closed"),
	CASE("two lengths, the smaller first",
	     SET "Content-Length: 1\r\nContent-Length: 76\r\n\r\nv"
	     SMUGGLED, "400 closed"),
	CASE("one length twice", SET "Content-Length: 1\r\nContent-Length: 1\r\n\r\nv",
	     "400 closed"),
	CASE("one length twice in a list", SET "Content-Length: 1, 1\r\n\r\nv", "400 closed"),
	CASE("a length and none", SET "Content-Length: 1\r\nContent-Length:\r\n\r\nv",
	     "400 closed"),
	CASE("an empty length", SET "Content-Length:\r\n\r\n" SMUGGLED, "400 closed"),
	CASE("a length with a plus", SET "Content-Length: +1\r\n\r\nv" SMUGGLED, "400 closed"),
	CASE("a negative length", SET "Content-Length: -1\r\n\r\n" SMUGGLED, "400 closed"),
	CASE("a minus before zero", SET "Content-Length: -0\r\n\r\n" SMUGGLED, "400 closed"),
	CASE("a hexadecimal length", SET "Content-Length: 0x4b\r\n\r\n" SMUGGLED, "400 closed"),
	CASE("hexadecimal digits", SET "Content-Length: 4b\r\n\r\n" SMUGGLED, "400 closed"),
	CASE("a length with a fraction", SET "Content-Length: 75.0\r\n\r\n" SMUGGLED, "400 closed"),
	CASE("a length with an exponent", SET "Content-Length: 1e1\r\n\r\n" SMUGGLED, "400 closed"),
	CASE("two numbers", SET "Content-Length: 7 5\r\n\r\n" SMUGGLED, "400 closed"),
	CASE("a length between quotes", SET "Content-Length: \"75\"\r\n\r\n" SMUGGLED,
	     "400 closed"),
	CASE("a vertical tab before a length", SET "Content-Length: \v75\r\n\r\n" SMUGGLED,
	     "400 closed"),
	CASE("a length over two lines", SET "Content-Length: 7\r\n 5\r\n\r\n" SMUGGLED,
	     "400 closed"),
	CASE("a length on the next line", SET "Content-Length:\r\n 75\r\n\r\n" SMUGGLED,
	     "400 closed"),
	CASE("a space before the colon", SET "Content-Length : 75\r\n\r\n" SMUGGLED, "400 closed"),

	/* ---- chunks ---- */
	CASE("a body in chunks", SET CHUNKED "\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n" NEXT,
	     "200 200 open"),
	CASE("sizes with zeros before", SET CHUNKED "\r\n0003\r\nabc\r\n000\r\n\r\n", "200 open"),
	CASE("sizes in capitals", SET CHUNKED "\r\nA\r\n0123456789\r\n0\r\n\r\n", "200 open"),
	CASE("chunked in capitals", SET "Transfer-Encoding: CHUNKED\r\n\r\n1\r\nv\r\n0\r\n\r\n",
	     "200 open"),
	CASE("a trailer", SET CHUNKED "\r\n1\r\nv\r\n0\r\nX-Sum: 1\r\n\r\n" NEXT, "200 200 open"),
	CASE("a trailer with a length", SET CHUNKED "\r\n1\r\nv\r\n0\r\nContent-Length: 75\r\n\r\n"
	     SMUGGLED, "400 closed"),
	CASE("a trailer with a coding", SET CHUNKED "\r\n1\r\nv\r\n0\r\n" CHUNKED "\r\n" SMUGGLED,
	     "400 closed"),
	CASE("no last chunk", SET CHUNKED "\r\n1\r\nv\r\n" NEXT, "400 closed"),
	CASE("no chunk at all", SET CHUNKED "\r\n0\r\n\r\n", "400 open"),
	CASE("an extension of a chunk", SET CHUNKED "\r\n1;a=b\r\nv\r\n0\r\n\r\n", "400 closed"),
	CASE("an extension with a line in quotes", SET CHUNKED "\r\n1;a=\"\r\n4b\"\r\n" SMUGGLED,
	     "400 closed"),
	CASE("an extension behind a space", SET CHUNKED "\r\n1 ;a\r\nv\r\n0\r\n\r\n", "400 closed"),
	CASE("a size with 0x", SET CHUNKED "\r\n0x1\r\nv\r\n0\r\n\r\n", "400 closed"),
	CASE("a size with a plus", SET CHUNKED "\r\n+1\r\nv\r\n0\r\n\r\n", "400 closed"),
	CASE("a negative size", SET CHUNKED "\r\n-1\r\nv\r\n0\r\n\r\n", "400 closed"),
	CASE("a minus before zero", SET CHUNKED "\r\n-0\r\n\r\n" NEXT, "400 closed"),
	CASE("a space before a size", SET CHUNKED "\r\n 1\r\nv\r\n0\r\n\r\n", "400 closed"),
	CASE("a space behind a size", SET CHUNKED "\r\n1 \r\nv\r\n0\r\n\r\n", "400 closed"),
	CASE("no size", SET CHUNKED "\r\n\r\n1\r\nv\r\n0\r\n\r\n", "400 closed"),
	CASE("a size that is none", SET CHUNKED "\r\nzz\r\nv\r\n0\r\n\r\n", "400 closed"),
	CASE("a size of 2^64 + 1", SET CHUNKED "\r\n10000000000000001\r\nv\r\n0\r\n\r\n",
	     "400 closed"),
	CASE("a size of 20 digits", SET CHUNKED "\r\n00000000000000000001\r\nv\r\n0\r\n\r\n",
	     "400 closed"),
	CASE("a size of 2^63", SET CHUNKED "\r\n8000000000000000\r\nv\r\n0\r\n\r\n", "400 closed"),
	CASE("a size above the limit", SET CHUNKED "\r\n7fffffff\r\nv\r\n0\r\n\r\n", "507 closed"),
	CASE("data that goes on behind its size", SET CHUNKED "\r\n1\r\nvv\r\n0\r\n\r\n",
	     "400 closed"),
	CASE("data that goes on as the next size", SET CHUNKED "\r\n1\r\nv1\r\nw\r\n0\r\n\r\n",
	     "400 closed"),
	CASE("lines that end in LF", SET CHUNKED "\r\n1\nv\n0\n\n", "400 closed"),
	CASE("data without its end of line", SET CHUNKED "\r\n1\r\nv0\r\n\r\n", "400 closed"),

	/* ---- both, or neither ---- */
	CASE("chunks and a length (TE.CL)", SET CHUNKED "Content-Length: 4\r\n\r\n4b\r\n" SMUGGLED
	     "\r\n0\r\n\r\n", "400 closed"),
	CASE("a length and chunks (CL.TE)", SET "Content-Length: 80\r\n" CHUNKED "\r\n0\r\n\r\n"
	     SMUGGLED, "400 closed"),
	CASE("no length and chunks (0.CL)", SET "Content-Length: 0\r\n" CHUNKED "\r\n1\r\nv\r\n"
	     "0\r\n\r\n", "400 closed"),
	CASE("chunked, identity",
	     SET "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n" SMUGGLED,
	     "400 closed"),
	CASE("identity, chunked",
	     SET "Transfer-Encoding: identity, chunked\r\n\r\n0\r\n\r\n" SMUGGLED,
	     "400 closed"),
	CASE("gzip, chunked", SET "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
	     "400 closed"),
	CASE("identity", SET "Transfer-Encoding: identity\r\n\r\n" SMUGGLED, "400 closed"),
	CASE("identity and a length",
	     SET "Transfer-Encoding: identity\r\nContent-Length: 1\r\n\r\nv",
	     "400 closed"),
	CASE("chunked twice", SET CHUNKED CHUNKED "\r\n0\r\n\r\n" SMUGGLED, "400 closed"),
	CASE("chunked, then something else (TE.TE)", SET CHUNKED "Transfer-Encoding: x\r\n\r\n"
	     "0\r\n\r\n" SMUGGLED, "400 closed"),
	CASE("something else, then chunked", SET "Transfer-Encoding: x\r\n" CHUNKED "\r\n"
	     "0\r\n\r\n" SMUGGLED, "400 closed"),
	CASE("xchunked", SET "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n" SMUGGLED, "400 closed"),
	CASE("chunked;q=1", SET "Transfer-Encoding: chunked;q=1\r\n\r\n0\r\n\r\n" SMUGGLED,
	     "400 closed"),
	CASE("chunked in quotes", SET "Transfer-Encoding: \"chunked\"\r\n\r\n0\r\n\r\n" SMUGGLED,
	     "400 closed"),
	CASE("a comma before chunked", SET "Transfer-Encoding: ,chunked\r\n\r\n0\r\n\r\n" SMUGGLED,
	     "400 closed"),
	CASE("an empty coding", SET "Transfer-Encoding:\r\n\r\n" SMUGGLED, "400 closed"),
	CASE("a vertical tab before chunked", SET "Transfer-Encoding: \vchunked\r\n\r\n0\r\n\r\n"
	     SMUGGLED, "400 closed"),
	CASE("chunked on the next line", SET "Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n"
	     SMUGGLED, "400 closed"),
	CASE("chunked and more on the next line",
	     SET "Transfer-Encoding: chunked\r\n , identity\r\n"
	     "\r\n0\r\n\r\n" SMUGGLED, "400 closed"),
	CASE("a space before the colon",
	     SET "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n" SMUGGLED,
	     "400 closed"),
	CASE("a tab before the colon", SET "Transfer-Encoding\t: chunked\r\n\r\n0\r\n\r\n" SMUGGLED,
	     "400 closed"),
	CASE("a space before the name",
	     "PUT /user-meta/k HTTP/1.1\r\n Transfer-Encoding: chunked\r\n"
	     "\r\n0\r\n\r\n" SMUGGLED, "400 closed"),
	CASE("an underscore in the name is another name", SET "Transfer_Encoding: chunked\r\n"
	     "Content-Length: 75\r\n\r\n" SMUGGLED, "200 open"),
	CASE("HTTP/1.0 with chunks", "PUT /user-meta/k HTTP/1.0\r\nConnection: keep-alive\r\n"
	     CHUNKED "\r\n0\r\n\r\n" SMUGGLED, "400 closed"),

	/* ---- lines ---- */
	CASE("lines that end in LF", "GET /drivers HTTP/1.1\nHost: x\n\n", "400 closed"),
	CASE("one header that ends in LF", "GET /drivers HTTP/1.1\r\nHost: x\nX: y\r\n\r\n",
	     "400 closed"),
	CASE("a CR inside of a header", LIST "X: a\rContent-Length: 75\r\n\r\n" SMUGGLED,
	     "400 closed"),
	CASE("a CR more at the end", LIST "X: a\r\r\n\r\n", "400 closed"),
	CASE("a header over two lines", LIST "X: a\r\n b\r\n\r\n", "400 closed"),
	CASE("a NUL in a header", LIST "X: a\0b\r\n\r\n", "400 closed"),
	CASE("a NUL behind a length", SET "Content-Length: 1\0002\r\n\r\nv", "400 closed"),
	CASE("a NUL behind chunked", SET "Transfer-Encoding: chunked\0x\r\n\r\n1\r\nv\r\n0\r\n\r\n",
	     "400 closed"),
	CASE("a NUL in a header's name", LIST "Content\0-Length: 75\r\n\r\n" SMUGGLED,
	     "400 closed"),
	CASE("a NUL in the path", "GET /drivers\0/x HTTP/1.1\r\n" HOST "\r\n", "400 closed"),
	CASE("an escape in a header", LIST "X: \x1b[1m\r\n\r\n", "400 closed"),
	CASE("a line without a colon", LIST "X\r\n\r\n", "400 closed"),
	CASE("a header without a name", LIST ": x\r\n\r\n", "400 closed"),
	CASE("a name with a space", LIST "X y: z\r\n\r\n", "400 closed"),
	CASE("a name that is no token", LIST "X(y): z\r\n\r\n", "400 closed"),
	CASE("Latin-1 in a header", LIST "X: \xe9\r\n\r\n", "200 open"),

	/* ---- request lines ---- */
	CASE("nothing but a method", "GET\r\n\r\n", "400 closed"),
	CASE("no version", "GET /drivers\r\n\r\n", "400 closed"),
	CASE("HTTP/0.9", "GET /drivers HTTP/0.9\r\n\r\n", "400 closed"),
	CASE("HTTP/1.2", "GET /drivers HTTP/1.2\r\n\r\n", "400 closed"),
	CASE("HTTP/1.10", "GET /drivers HTTP/1.10\r\n\r\n", "400 closed"),
	CASE("HTTP/2.0", "GET /drivers HTTP/2.0\r\n\r\n", "400 closed"),
	CASE("HTTP/9.9", "GET /drivers HTTP/9.9\r\n\r\n", "400 closed"),
	CASE("HTTP/1", "GET /drivers HTTP/1\r\n\r\n", "400 closed"),
	CASE("HTTP/01.1", "GET /drivers HTTP/01.1\r\n\r\n", "400 closed"),
	CASE("HTTP/+1.1", "GET /drivers HTTP/+1.1\r\n\r\n", "400 closed"),
	CASE("http/1.1", "GET /drivers http/1.1\r\n\r\n", "400 closed"),
	CASE("a space behind the version", "GET /drivers HTTP/1.1 \r\n" HOST "\r\n", "400 closed"),
	CASE("a space more", "GET  /drivers HTTP/1.1\r\n" HOST "\r\n", "400 closed"),
	CASE("tabs", "GET\t/drivers\tHTTP/1.1\r\n" HOST "\r\n", "400 closed"),
	CASE("a space in the path", "GET /dri vers HTTP/1.1\r\n" HOST "\r\n", "400 closed"),
	CASE("two versions", "GET /drivers HTTP/1.0 HTTP/1.1\r\n" HOST "\r\n", "400 closed"),
	CASE("a method in small letters", "get /drivers HTTP/1.1\r\n" HOST "\r\n", "400 open"),
	CASE("HTTP/2's first words", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "400 closed"),
	CASE("a TLS hello", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", "400 closed"),
	CASE("an answer", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "400 closed"),

	/* ---- targets ---- */
	CASE("a whole address", "GET http://a:1/drivers HTTP/1.1\r\nHost: b\r\n\r\n", "200 closed"),
	CASE("another scheme", "GET ftp://a/drivers HTTP/1.1\r\nHost: b\r\n\r\n", "200 open"),
	CASE("an address without a path", "GET http://a HTTP/1.1\r\nHost: b\r\n\r\n", "400 closed"),
	CASE("a host and port", "CONNECT a:80 HTTP/1.1\r\nHost: a\r\n\r\n" SMUGGLED, "400 closed"),
	CASE("a host and port, and no version", "CONNECT a:80 HTTP/1.x\r\nHost: a\r\n\r\n" SMUGGLED,
	     "400 closed"),
	CASE("the whole server", "OPTIONS * HTTP/1.1\r\n" HOST "\r\n", "400 open"),
	CASE("GET *", "GET * HTTP/1.1\r\n" HOST "\r\n", "400 open"),
	CASE("a path that begins nowhere", "GET drivers HTTP/1.1\r\n" HOST "\r\n", "400 open"),
	CASE("two slashes", "GET //drivers HTTP/1.1\r\n" HOST "\r\n", "400 open"),
	CASE("a slash at the end", "GET /drivers/ HTTP/1.1\r\n" HOST "\r\n", "400 open"),
	CASE("a dot segment", "GET /./drivers HTTP/1.1\r\n" HOST "\r\n", "400 open"),
	CASE("two dots", "GET /x/../drivers HTTP/1.1\r\n" HOST "\r\n", "400 open"),
	CASE("encoded dots", "GET /x/%2e%2e/drivers HTTP/1.1\r\n" HOST "\r\n", "400 open"),
	CASE("an encoded slash", "GET /x%2f..%2fdrivers HTTP/1.1\r\n" HOST "\r\n", "400 open"),
	CASE("an encoded letter", "GET /driver%73 HTTP/1.1\r\n" HOST "\r\n", "200 open"),
	CASE("encoded twice", "GET /driver%2573 HTTP/1.1\r\n" HOST "\r\n", "400 open"),
	CASE("an encoded NUL", "GET /drivers%00 HTTP/1.1\r\n" HOST "\r\n", "400 open"),
	CASE("an encoded end of line", "GET /drivers%0d%0aX:%20y HTTP/1.1\r\n" HOST "\r\n",
	     "400 open"),
	CASE("half an escape", "GET /drivers% HTTP/1.1\r\n" HOST "\r\n", "400 open"),
	CASE("no escape", "GET /drivers%zz HTTP/1.1\r\n" HOST "\r\n", "400 open"),
	CASE("an overlong slash", "GET /x%c0%af..%c0%afdrivers HTTP/1.1\r\n" HOST "\r\n",
	     "400 open"),
	CASE("%u002f", "GET /x%u002fdrivers HTTP/1.1\r\n" HOST "\r\n", "400 open"),
	CASE("bytes above 0x7f", "GET /\xff\xfe HTTP/1.1\r\n" HOST "\r\n", "400 open"),
	CASE("a backslash", "GET /x\\..\\drivers HTTP/1.1\r\n" HOST "\r\n", "400 open"),
	CASE("a fragment", "GET /drivers#x HTTP/1.1\r\n" HOST "\r\n", "200 open"),
	CASE("an empty query", "GET /drivers? HTTP/1.1\r\n" HOST "\r\n", "200 open"),
	CASE("a query of separators", "GET /drivers?&&=&;=?/ HTTP/1.1\r\n" HOST "\r\n", "200 open"),
	CASE("an escape in a query that is none", "GET /drivers?all=%zz HTTP/1.1\r\n" HOST "\r\n",
	     "400 open"),
};

/* evhttp reads on what is too large, so that its sender hears the answer; only so long. */
static const struct http_case http_endless_cases[] = {
	CASE("a length of 2^64 + 75", SET "Content-Length: 18446744073709551691\r\n\r\n" SMUGGLED,
	     "closed"),
	CASE("a length of 2^63", SET "Content-Length: 9223372036854775808\r\n\r\n" SMUGGLED,
	     "closed"),
	CASE("a body that is too large", SET "Content-Length: 65537\r\n\r\n" SMUGGLED, "closed"),
	CASE("a huge one", SET "Content-Length: 999999999999999999\r\n\r\n" SMUGGLED, "closed"),
	CASE("one too large for another path", "PUT /drivers/load HTTP/1.1\r\n" HOST
	     "Content-Length: 999999999999999999\r\n\r\n" SMUGGLED, "closed"),
};

static const struct http_large_case http_large_cases[] = {
	{ "a path of 4 KiB", "GET /", "0123456789abcdef", " HTTP/1.1\r\n" HOST "\r\n", 256,
	  "400 open" },
	{ "a path of 8 KiB", "GET /", "0123456789abcdef", " HTTP/1.1\r\n" HOST "\r\n", 512,
	  "400 closed" },
	{ "a key of 8 KiB", "PUT /user-meta/", "k", " HTTP/1.1\r\nContent-Length: 1\r\n\r\nv", 8192,
	  "400 closed" },
	{ "a thousand segments", "GET ", "/a", " HTTP/1.1\r\n" HOST "\r\n", 1000, "400 open" },
	{ "a thousand parameters", "GET /drivers?", "a=1&", " HTTP/1.1\r\n" HOST "\r\n", 1000,
	  "200 open" },
	{ "a header of 7 KiB", LIST "X: ", "x", "\r\n\r\n", 7000, "200 open" },
	{ "a header of 9 KiB", LIST "X: ", "x", "\r\n\r\n", 9000, "400 closed" },
	{ "a header of 1 MiB", LIST "X: ", "0123456789abcdef", "\r\n\r\n", 65536, "400 closed" },
	{ "500 headers", LIST, "X: y\r\n", "\r\n", 500, "200 open" },
	{ "10,000 headers", LIST, "X: y\r\n", "\r\n", 10000, "400 closed" },
	{ "a request line without an end", "GET /", "a", "", 100000, "400 closed" },
	{ "a header without an end", LIST "X: ", "a", "", 100000, "400 closed" },
	{ "a trailer without an end", SET CHUNKED "\r\n0\r\nX: ", "a", "", 100000, "507 closed" },
	{ "10,000 chunks of a byte", SET CHUNKED "\r\n", "1\r\nv\r\n", "0\r\n\r\n", 10000,
	  "507 open" },
	{ "4096 bytes of metadata", SET "Content-Length: 4096\r\n\r\n", "v", "", 4096, "200 open" },
	{ "4097 bytes of metadata", SET "Content-Length: 4097\r\n\r\n", "v", "", 4097, "507 open" },
	{ "64 KiB of it", SET "Content-Length: 65536\r\n\r\n", "0123456789abcdef", "", 4096,
	  "507 open" },
	{ "a byte more", SET "Content-Length: 65537\r\n\r\n", "v", "", 65537, "507 closed" },
	{ "10 MB of it", SET "Content-Length: 10000000\r\n\r\n", "0123456789", "", 1000000,
	  "507 closed" },
	{ "10 MB in chunks", SET CHUNKED "\r\n", "a\r\n0123456789\r\n", "0\r\n\r\n", 1000000,
	  "507 closed" },
};

#undef HOST
#undef LIST
#undef SET
#undef CHUNKED
#undef SMUGGLED
#undef NEXT
#undef CASE

/* ---- a client ---- */

#define HTTP_CASE_MS	5000	/* for an answer */

static inline int http_dial(const char *path)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", path);
	if (connect(fd, (struct sockaddr *)&addr, sizeof(addr))) {
		perror(path);
		exit(2);
	}
	return fd;
}

static inline bool http_send(int fd, const char *bytes, size_t len)
{
	ssize_t n;

	for (; len; bytes += n, len -= (size_t)n) {
		n = send(fd, bytes, len, MSG_NOSIGNAL);
		if (n < 0)
			return false;
	}
	return true;
}

struct http_stream_in {
	int fd;
	size_t len;
	bool closed;
	bool no_body;		/* the next answer is one to HEAD */
	char data[256 * 1024];
};

static inline bool http_fill(struct http_stream_in *in, int timeout_ms)
{
	struct pollfd pfd = { .fd = in->fd, .events = POLLIN };
	ssize_t n;

	if (in->closed || in->len == sizeof(in->data) - 1 || poll(&pfd, 1, timeout_ms) != 1)
		return false;
	n = recv(in->fd, in->data + in->len, sizeof(in->data) - 1 - in->len, 0);
	if (n <= 0)
		in->closed = true;
	else
		in->len += (size_t)n;
	in->data[in->len] = '\0';
	return n > 0;
}

/* The bytes of the whole answer at the front; 0: there is none yet. */
static inline size_t http_answer_len(const struct http_stream_in *in, int *status)
{
	const char *end = strstr(in->data, "\r\n\r\n"), *length;
	size_t head, body = 0;

	if (!end || sscanf(in->data, "HTTP/%*u.%*u %d", status) != 1)
		return 0;
	head = (size_t)(end - in->data) + 4;
	length = strstr(in->data, "\r\nContent-Length: ");
	if (in->no_body)
		body = 0;
	else if (length && length < end)
		body = strtoul(length + 18, NULL, 10);
	else if (!strncmp(in->data, "HTTP/1.0", 8) && *status != 100)
		return in->closed ? in->len : 0;
	return head + body <= in->len ? head + body : 0;
}

/* The next answer's status, which is then gone from the front; 0: none came. */
static inline int http_next_status(struct http_stream_in *in, int timeout_ms)
{
	int status = 0;
	size_t len;

	while (!(len = http_answer_len(in, &status)))
		if (in->closed || (!http_fill(in, timeout_ms) && !in->closed))
			return 0;
	memmove(in->data, in->data + len, in->len - len + 1);
	in->len -= len;
	in->no_body = false;
	return status;
}

/* With an answer that no case has: what comes before it answers something else. */
#define HTTP_PROBE		"DELETE /user-meta/none HTTP/1.1\r\nHost: x\r\n\r\n"
#define HTTP_PROBE_STATUS	404

static inline size_t http_case_word(char *got, size_t size, size_t at, const char *word)
{
	if (at < size)
		at += (size_t)snprintf(got + at, size - at, "%s%s", at ? " " : "", word);
	return at;
}

/* Sends the case; got becomes what its want is to be. */
static inline void http_case_run(const char *path, const struct http_case *c, char *got,
				 size_t size)
{
	static struct http_stream_in in;
	size_t at = 0, wanted = 0;
	bool probed = false;
	const char *p;
	char word[16];
	int status;

	in = (struct http_stream_in){ .fd = http_dial(path) };
	in.no_body = !strncmp(c->bytes, "HEAD ", 5);
	for (p = c->want; *p; p++)
		wanted += *p == ' ';
	got[0] = '\0';
	http_send(in.fd, c->bytes, c->len);
	for (;;) {
		if (!wanted && !probed)
			probed = http_send(in.fd, HTTP_PROBE, sizeof(HTTP_PROBE) - 1);
		status = http_next_status(&in, HTTP_CASE_MS);
		if (!status || (probed && status == HTTP_PROBE_STATUS))
			break;
		wanted -= wanted > 0;
		snprintf(word, sizeof(word), "%d", status);
		at = http_case_word(got, size, at, word);
		/* The first half of an answer: the client has to go on. */
		if (status == 100 && !wanted)
			break;
	}
	if (in.len)
		at = http_case_word(got, size, at, "bytes");
	if (status == HTTP_PROBE_STATUS)
		http_case_word(got, size, at, "open");
	else if (status == 100)
		http_case_word(got, size, at, "waits");
	else
		http_case_word(got, size, at, in.closed ? "closed" : "stuck");
	close(in.fd);
}

/* The case in memory of its own. */
static inline struct http_case http_case_build(const struct http_large_case *l)
{
	size_t before = strlen(l->before), again = strlen(l->again), i;
	struct http_case c = { .name = l->name, .want = l->want };
	char *bytes, *to;

	c.len = before + again * l->times + strlen(l->after);
	bytes = malloc(c.len + 1);
	to = (char *)memcpy(bytes, l->before, before) + before;
	for (i = 0; i < l->times; i++, to += again)
		memcpy(to, l->again, again);
	strcpy(to, l->after);
	c.bytes = bytes;
	return c;
}

#endif
