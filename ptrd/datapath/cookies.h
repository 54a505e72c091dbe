/* The engine's DNS cookies (ptrd/engine/cookies.py) once more: RFC 7873, RFC 9018. */

#ifndef PTRD_COOKIES_H
#define PTRD_COOKIES_H

#include "memory.h"

enum { COOKIE_SIZE = 24, CLIENT_COOKIE_SIZE = 8, SECRET_SIZE = 16 };

/* Answers a well-formed COOKIE option with the 24 bytes of the reply's, and tells whether it was valid. */
bool answer_cookie(bytes_t secrets, bytes_t asked, bytes_t client, double now, uint8_t reply[COOKIE_SIZE]);

#endif
