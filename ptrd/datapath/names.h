/* Names: the sort key of one, and what a template makes of an address. */

#ifndef PTRD_NAMES_H
#define PTRD_NAMES_H

#include "image.h"

/* Writes the sort key of the first `labels` labels of a name, and gives its size; 0 when it is an odd one or the
 * apex's (ptrd/wire/names.py, `sort_key`). `key` has MAX_NAME bytes. */
size_t make_key(const struct name *name, unsigned labels, uint8_t *key);

/* Writes the name that a template, as it lies in the image, makes of an address of a range of this prefix length, and
 * gives its size; 0 when it would not be a name (ptrd/snapshot/forms.py). `name` has MAX_NAME + 1 bytes. */
size_t make_name(bytes_t template, unsigned version, unsigned length, const uint8_t *address, uint8_t *name);

#endif
