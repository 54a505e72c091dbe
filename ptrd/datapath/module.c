/* What Python sees: a Reader, which answers one query, and a UdpSocket, which answers batches of datagrams with it.
 * Python objects are touched here alone, and only while the interpreter's lock is held; it is let go for system calls. */

#define PY_SSIZE_T_CLEAN
#define _GNU_SOURCE
#include <Python.h>

#include "batch.h"
#include "ordinary.h"

_Static_assert(sizeof(Py_hash_t) == 8, "an overlay is divided by the upper half of a hash of 64 bits");

typedef struct {
    PyObject_HEAD
    Py_buffer bytes, table, ranges;
    struct image image;
    struct choices choices;
    struct overlay overlay;
    PyObject *zones;      /* of the snapshot: a list of ServedZone */
    PyObject *above;      /* the names of zones, and those above them: a set */
    PyObject *secrets, *clients;
    PyObject *overlays;   /* of the snapshot that is answered from: a dict by number of zone */
    PyObject *held;       /* what the last look-up gave, alive until the next */
    PyObject *shares;     /* of the overlay of the zone `shared`, in the snapshot that is answered from */
    Py_hash_t mask;
    uint32_t shared;
    bool busy;            /* a look-up may run Python code, which may come back here */
} Reader;

static PyObject *name_shares, *name_mask, *name_has_below, *name_negative, *name_overlays, *name_zones;

/* --- What lives in Python objects. An exception there hands the query over, and the responder meets it again. --- */

static enum found records_of(Reader *self, PyObject *rrset, bytes_t *records, unsigned *number) {
    if (rrset)
        Py_XSETREF(self->held, rrset);
    if (!rrset || !PyTuple_Check(rrset) || PyTuple_GET_SIZE(rrset) != 3 || !PyBytes_Check(PyTuple_GET_ITEM(rrset, 2))) {
        PyErr_Clear();
        return BROKEN;
    }
    PyObject *bytes = PyTuple_GET_ITEM(rrset, 2);
    *records = (bytes_t){(const uint8_t *)PyBytes_AS_STRING(bytes), (size_t)PyBytes_GET_SIZE(bytes)};
    if (number)
        *number = (unsigned)PyLong_AsLong(PyTuple_GET_ITEM(rrset, 1));
    if (PyErr_Occurred()) {
        PyErr_Clear();
        return BROKEN;
    }
    return FOUND;
}

/* The overlay of a zone, borrowed; NULL without an exception when it has none. */
static PyObject *overlay_of(Reader *self, uint32_t zone) {
    PyObject *number = PyLong_FromUnsignedLong(zone);
    PyObject *overlay = number ? PyDict_GetItemWithError(self->overlays, number) : NULL;
    Py_XDECREF(number);
    return overlay;
}

/* Finds the dicts of a zone's overlay, once for all queries that are answered from one snapshot. */
static bool share(Reader *self, uint32_t zone) {
    if (self->shares && self->shared == zone)
        return true;
    PyObject *overlay = overlay_of(self, zone);
    PyObject *shares = overlay ? PyObject_GetAttr(overlay, name_shares) : NULL;
    PyObject *mask = shares ? PyObject_GetAttr(overlay, name_mask) : NULL;
    Py_hash_t last = mask ? PyLong_AsSsize_t(mask) : -1;
    Py_XDECREF(mask);
    if (mask && !PyErr_Occurred() && (!PyList_Check(shares) || last < 0 || last >= PyList_GET_SIZE(shares)))
        PyErr_SetString(PyExc_ValueError, "an overlay has as many dicts as its mask says");
    if (!mask || PyErr_Occurred()) {
        Py_XDECREF(shares);
        return false;
    }
    Py_XSETREF(self->shares, shares);
    self->mask = last;
    self->shared = zone;
    return true;
}

/* As Overlay.find of ptrd/snapshot/overlay.py. */
static enum found managed(void *context, uint32_t zone, const uint8_t *relative, size_t size, struct rrset *rrset) {
    Reader *self = context;
    PyObject *found = NULL, *name = NULL;
    if (share(self, zone))
        name = PyBytes_FromStringAndSize((const char *)relative, (Py_ssize_t)size);
    if (name) {
        PyObject *dict = PyList_GET_ITEM(self->shares, PyObject_Hash(name) >> 32 & self->mask);
        found = PyDict_GetItemWithError(dict, name); /* what is no dict is an error */
        Py_DECREF(name);
    }
    if (PyErr_Occurred()) {
        PyErr_Clear();
        return BROKEN;
    }
    if (!found)
        return NOTHING;
    if (!PyBytes_Check(found))
        return records_of(self, Py_NewRef(found), &rrset->bytes, &rrset->records);
    Py_XSETREF(self->held, Py_NewRef(found));
    rrset->bytes = (bytes_t){(const uint8_t *)PyBytes_AS_STRING(found), (size_t)PyBytes_GET_SIZE(found)};
    rrset->records = 1;
    return FOUND;
}

static enum found truth_of(PyObject *found) {
    int truth = found ? PyObject_IsTrue(found) : PyErr_Occurred() ? -1 : 0;
    Py_XDECREF(found);
    if (truth < 0)
        PyErr_Clear();
    return truth < 0 ? BROKEN : truth ? FOUND : NOTHING;
}

static enum found managed_below(void *context, uint32_t zone, bytes_t key) {
    PyObject *overlay = overlay_of(context, zone), *result = NULL;
    PyObject *bytes = overlay ? PyBytes_FromStringAndSize((const char *)key.at, (Py_ssize_t)key.size) : NULL;
    Py_XINCREF(overlay);
    if (bytes)
        result = PyObject_CallMethodOneArg(overlay, name_has_below, bytes);
    Py_XDECREF(overlay);
    Py_XDECREF(bytes);
    return truth_of(result);
}

static enum found zone_below(void *context, const uint8_t *name, size_t size) {
    Reader *self = context;
    PyObject *bytes = PyBytes_FromStringAndSize((const char *)name, (Py_ssize_t)size);
    int truth = bytes ? PySet_Contains(self->above, bytes) : -1;
    Py_XDECREF(bytes);
    if (truth < 0)
        PyErr_Clear();
    return truth < 0 ? BROKEN : truth ? FOUND : NOTHING;
}

static enum found negative(void *context, uint32_t zone, bytes_t *soa) {
    Reader *self = context;
    PyObject *served = PyList_GetItem(self->zones, zone);
    return records_of(self, served ? PyObject_GetAttr(served, name_negative) : NULL, soa, NULL);
}

/* --- Reader --- */

static int take_standings(PyObject *pairs, struct standings *standings) {
    for (int index = 0; index < 2; index++) {
        PyObject *starts, *values, *pair = PyTuple_GET_ITEM(pairs, index);
        if (!PyTuple_Check(pair)) {
            PyErr_SetString(PyExc_TypeError, "clients are pairs of starts and standings");
            return -1;
        }
        if (!PyArg_ParseTuple(pair, "SS", &starts, &values))
            return -1;
        standings[index].count = (size_t)PyBytes_GET_SIZE(values);
        standings[index].starts = (const uint8_t *)PyBytes_AS_STRING(starts);
        standings[index].values = (const uint8_t *)PyBytes_AS_STRING(values);
        if (!standings[index].count || (size_t)PyBytes_GET_SIZE(starts) != 16 * standings[index].count) {
            PyErr_SetString(PyExc_ValueError, "each standing has a start of 16 bytes, and there is one at least");
            return -1;
        }
    }
    return 0;
}

/* Takes the memory of some object that counts in it; its words have to be where words can be. */
static int take_words(PyObject *object, Py_buffer *words) {
    if (object == Py_None)
        return 0;
    if (PyObject_GetBuffer(object, words, PyBUF_WRITABLE | PyBUF_ND) < 0)
        return -1;
    if ((uintptr_t)words->buf % sizeof(uint64_t)) {
        PyErr_SetString(PyExc_ValueError, "counters begin at a multiple of 8 bytes");
        return -1;
    }
    return 0;
}

static int Reader_traverse(Reader *self, visitproc visit, void *arg) {
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(self->zones);
    Py_VISIT(self->above);
    Py_VISIT(self->overlays);
    Py_VISIT(self->held);
    Py_VISIT(self->shares);
    return 0;
}

static int Reader_clear(Reader *self) {
    Py_CLEAR(self->zones);
    Py_CLEAR(self->above);
    Py_CLEAR(self->overlays);
    Py_CLEAR(self->held);
    Py_CLEAR(self->shares);
    return 0;
}

static void let_go(Reader *self) {
    Reader_clear(self);
    close_image(&self->image);
    PyBuffer_Release(&self->bytes);
    PyBuffer_Release(&self->table);
    PyBuffer_Release(&self->ranges);
    Py_CLEAR(self->secrets);
    Py_CLEAR(self->clients);
}

static int Reader_init(Reader *self, PyObject *arguments, PyObject *keywords) {
    static char *names[] = {"image",   "zones",  "above", "forward", "udp_size",  "cookie_secrets", "clients",
                            "table",   "secret", "steps", "slip",    "badcookie", "ranges",         NULL};
    PyObject *image, *zones, *above, *secrets, *clients, *table, *ranges;
    Py_buffer forward = {0}, secret = {0};
    struct choices *choices = &self->choices;
    int badcookie, result = -1;
    if (self->zones) {
        PyErr_SetString(PyExc_TypeError, "a Reader is made once");
        return -1;
    }
    if (!PyArg_ParseTupleAndKeywords(arguments, keywords, "OO!O!y*IO!O!Oy*(III)IpO:Reader", names, &image, &PyList_Type,
                                     &zones, &PySet_Type, &above, &forward, &choices->udp_size, &PyBytes_Type, &secrets,
                                     &PyTuple_Type, &clients, &table, &secret, &choices->limits.steps[0],
                                     &choices->limits.steps[1], &choices->limits.steps[2], &choices->limits.slip,
                                     &badcookie, &ranges))
        return -1;
    self->zones = Py_NewRef(zones);
    self->above = Py_NewRef(above);
    self->secrets = Py_NewRef(secrets);
    self->clients = Py_NewRef(clients);
    choices->limits.badcookie = badcookie;
    choices->cookie_secrets = (bytes_t){(const uint8_t *)PyBytes_AS_STRING(self->secrets),
                                        (size_t)PyBytes_GET_SIZE(self->secrets)};
    self->overlay = (struct overlay){self, true, managed, managed_below, zone_below, negative};
    if (PyTuple_GET_SIZE(self->clients) != 2 || choices->cookie_secrets.size % 16 || secret.len != 16) {
        PyErr_SetString(PyExc_ValueError, "secrets have 16 bytes, and there are clients of IPv4 and of IPv6");
        goto end;
    }
    memcpy(choices->limits.secret, secret.buf, 16);
    if (take_standings(self->clients, choices->clients) < 0 ||
        PyObject_GetBuffer(image, &self->bytes, PyBUF_SIMPLE) < 0 || take_words(table, &self->table) < 0 ||
        take_words(ranges, &self->ranges) < 0)
        goto end;
    choices->limits.table = self->table.buf;
    if (!self->table.buf) /* nothing is limited */
        memset(choices->limits.steps, 0, sizeof choices->limits.steps);
    if (self->table.buf && self->table.len != LIMIT_WORDS * 8) {
        PyErr_Format(PyExc_ValueError, "the table of limits has %d words", LIMIT_WORDS);
        goto end;
    }
    const char *wrong = open_image(&self->image, (bytes_t){self->bytes.buf, (size_t)self->bytes.len});
    if (!wrong && (self->image.zone_count != (size_t)PyList_GET_SIZE(self->zones) ||
                   self->image.zone_count != (size_t)forward.len))
        wrong = "the snapshot has other zones than the image";
    if (wrong) {
        PyErr_SetString(PyExc_ValueError, wrong);
        goto end;
    }
    for (uint32_t number = 0; number < self->image.zone_count; number++)
        self->image.zones[number].forward = ((const uint8_t *)forward.buf)[number] != 0;
    result = 0;
end:
    PyBuffer_Release(&forward);
    PyBuffer_Release(&secret);
    if (result < 0)
        let_go(self);
    return result;
}

static void Reader_dealloc(Reader *self) {
    PyTypeObject *type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    let_go(self);
    type->tp_free((PyObject *)self);
    Py_DECREF(type);
}

/* Answers from a snapshot of the Reader's image from now on. */
static int follow(Reader *self, PyObject *snapshot) {
    PyObject *overlays = self->zones ? PyObject_GetAttr(snapshot, name_overlays) : NULL;
    PyObject *zones = overlays ? PyObject_GetAttr(snapshot, name_zones) : NULL;
    if (overlays && zones && (!PyDict_Check(overlays) || zones != self->zones))
        PyErr_SetString(PyExc_ValueError, "the snapshot is of another image");
    else if (!self->zones && !PyErr_Occurred())
        PyErr_SetString(PyExc_ValueError, "the Reader could not be made");
    else if (self->busy && !PyErr_Occurred())
        PyErr_SetString(PyExc_RuntimeError, "a Reader answers one query at a time");
    Py_XDECREF(zones);
    if (PyErr_Occurred()) {
        Py_XDECREF(overlays);
        return -1;
    }
    self->overlay.is_empty = !PyDict_GET_SIZE(overlays);
    Py_XSETREF(self->overlays, overlays);
    Py_CLEAR(self->shares);
    return 0;
}

static PyObject *Reader_respond(Reader *self, PyObject *arguments) {
    PyObject *snapshot, *result = NULL;
    Py_buffer query, client;
    double now;
    int stream = false;
    uint8_t wire[REPLY_ROOM];
    struct query asked;
    struct reply reply;
    if (!PyArg_ParseTuple(arguments, "Oy*y*d|p:respond", &snapshot, &query, &client, &now, &stream))
        return NULL;
    if (client.len && client.len != 4 && client.len != 16)
        PyErr_SetString(PyExc_ValueError, "an address has 4 or 16 bytes");
    else if (!follow(self, snapshot)) {
        struct arrival arrival = {{client.buf, (size_t)client.len}, now, stream};
        read_ordinary(&self->image, (bytes_t){query.buf, (size_t)query.len}, &asked);
        self->busy = true;
        enum outcome outcome =
            answer_ordinary(&self->image, &self->choices, &self->overlay, &asked, arrival, wire, &reply);
        self->busy = false;
        if (outcome == HANDED_OVER)
            result = Py_NewRef(Py_None);
        else
            result = Py_BuildValue("y#iiL", wire, (Py_ssize_t)reply.size, reply.source, reply.qtype,
                                   (long long)reply.range);
    }
    PyBuffer_Release(&query);
    PyBuffer_Release(&client);
    return result;
}

static PyMethodDef Reader_methods[] = {
    {"respond", (PyCFunction)Reader_respond, METH_VARARGS,
     "respond(snapshot, query, address, now, stream=False) -> (wire, source, qtype, range) or None\n\n"
     "Answer one message as engine.responder.respond does, or hand it over: None. `address` has 4 or 16 bytes, or\n"
     "none; `now` is Unix time; `stream` says that it came over TCP or TLS."},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot Reader_slots[] = {
    {Py_tp_doc, "Answers ordinary queries from one image; made by datapath.reader.make_reader."},
    {Py_tp_init, Reader_init},
    {Py_tp_dealloc, Reader_dealloc},
    {Py_tp_traverse, Reader_traverse},
    {Py_tp_clear, Reader_clear},
    {Py_tp_methods, Reader_methods},
    {0, NULL},
};

static PyType_Spec Reader_spec = {"ptrd.datapath._compiled.Reader", sizeof(Reader), 0,
                                  Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC, Reader_slots};

/* --- UdpSocket --- */

typedef struct {
    PyObject_HEAD
    Py_buffer counts;
    PyObject *qtypes;
    struct batch *batch;
    bool busy;
} UdpSocket;

static PyTypeObject *Reader_type;

static int take_drops(PyObject *drops, size_t counters, struct slots *slots) {
    PyObject *error, *slot;
    Py_ssize_t at = 0;
    while (PyDict_Next(drops, &at, &error, &slot)) {
        bool are_numbers = PyLong_Check(error) && PyLong_Check(slot);
        long number = are_numbers ? PyLong_AsLong(error) : -1, place = are_numbers ? PyLong_AsLong(slot) : -1;
        if (PyErr_Occurred())
            return -1;
        if (number < 0 || number >= MAX_ERRNO || place < 0 || (size_t)place >= counters) {
            PyErr_SetString(PyExc_ValueError, "drops say for an errno which counter counts it");
            return -1;
        }
        slots->drops[number] = (unsigned)place; /* of 0, for every other errno */
    }
    for (int number = 0; number < MAX_ERRNO; number++)
        if (!slots->drops[number])
            slots->drops[number] = slots->drops[0];
    return 0;
}

static int UdpSocket_init(UdpSocket *self, PyObject *arguments, PyObject *keywords) {
    static char *names[] = {"fileno", "wildcard", "counts", "qtypes", "slots", "drops", NULL};
    PyObject *counts, *drops, *qtypes;
    struct slots slots = {0};
    int fileno, wildcard;
    if (self->batch) {
        PyErr_SetString(PyExc_TypeError, "a UdpSocket is made once");
        return -1;
    }
    if (!PyArg_ParseTupleAndKeywords(arguments, keywords, "ipOS(IIIIIIII)O!:UdpSocket", names, &fileno, &wildcard,
                                     &counts, &qtypes, &slots.queries, &slots.answers, &slots.silent, &slots.latency,
                                     &slots.latency_sum, &slots.truncated, &slots.receive_failed, &slots.ranges,
                                     &PyDict_Type, &drops))
        return -1;
    if (PyBytes_GET_SIZE(qtypes) < 0x10000) {
        PyErr_SetString(PyExc_ValueError, "qtypes has a slot for each qtype");
        return -1;
    }
    self->qtypes = Py_NewRef(qtypes);
    slots.qtypes = (const uint8_t *)PyBytes_AS_STRING(qtypes);
    if (take_words(counts, &self->counts) == 0 && take_drops(drops, (size_t)self->counts.len / 8, &slots) == 0) {
        self->batch = make_batch(fileno, wildcard, &slots, self->counts.buf, (size_t)self->counts.len / 8);
        if (self->batch)
            return 0;
        PyErr_NoMemory();
    }
    PyBuffer_Release(&self->counts);
    Py_CLEAR(self->qtypes);
    return -1;
}

static void UdpSocket_dealloc(UdpSocket *self) {
    PyTypeObject *type = Py_TYPE(self);
    free_batch(self->batch);
    PyBuffer_Release(&self->counts);
    Py_XDECREF(self->qtypes);
    type->tp_free((PyObject *)self);
    Py_DECREF(type);
}

static PyObject *UdpSocket_answer(UdpSocket *self, PyObject *const *arguments, Py_ssize_t count) {
    if (count != 2 || !Py_IS_TYPE(arguments[0], Reader_type) || !self->batch || self->busy) {
        PyErr_SetString(PyExc_TypeError, "answer(reader, snapshot), one call at a time");
        return NULL;
    }
    Reader *reader = (Reader *)arguments[0];
    if (follow(reader, arguments[1]) < 0)
        return NULL;
    unsigned handled = 0;
    Py_INCREF(reader);
    self->busy = reader->busy = true;
    while (handled < MAX_HANDLED) { /* a wake-up costs more than a call that finds nothing */
        int received;
        Py_BEGIN_ALLOW_THREADS
        received = receive(self->batch);
        Py_END_ALLOW_THREADS
        if (received <= 0)
            break;
        answer_batch(self->batch, &reader->image, &reader->choices, &reader->overlay);
        Py_BEGIN_ALLOW_THREADS
        send_batch(self->batch, reader->ranges.buf, (size_t)reader->ranges.len / 8);
        Py_END_ALLOW_THREADS
        handled += (unsigned)received;
        if (waiting(self->batch))
            break;
    }
    self->busy = reader->busy = false;
    Py_DECREF(reader);
    return PyLong_FromUnsignedLong(handled);
}

/* What was handed over, in the shape of socket.recvmsg; raises BlockingIOError when there is no more. */
static PyObject *take_left(UdpSocket *self, bool with_ancillary) {
    struct left left;
    char host[INET6_ADDRSTRLEN];
    if (!self->batch || !take_next(self->batch, &left)) {
        PyErr_SetNone(PyExc_BlockingIOError);
        return NULL;
    }
    PyObject *peer = NULL, *ancillary = NULL;
    if (left.peer->sa_family == AF_INET) {
        const struct sockaddr_in *peer4 = (const struct sockaddr_in *)left.peer;
        inet_ntop(AF_INET, &peer4->sin_addr, host, sizeof host);
        peer = Py_BuildValue("si", host, ntohs(peer4->sin_port));
    } else {
        const struct sockaddr_in6 *peer6 = (const struct sockaddr_in6 *)left.peer;
        inet_ntop(AF_INET6, &peer6->sin6_addr, host, sizeof host);
        peer = Py_BuildValue("siII", host, ntohs(peer6->sin6_port), ntohl(peer6->sin6_flowinfo),
                             peer6->sin6_scope_id);
    }
    if (!peer)
        return NULL;
    if (!with_ancillary)
        return Py_BuildValue("y#N", left.wire.at, (Py_ssize_t)left.wire.size, peer);
    ancillary = left.control.at ? Py_BuildValue("[(iiy#)]", left.level, left.type, left.control.at,
                                                (Py_ssize_t)left.control.size)
                                : PyList_New(0);
    if (!ancillary) {
        Py_DECREF(peer);
        return NULL;
    }
    return Py_BuildValue("y#NiN", left.wire.at, (Py_ssize_t)left.wire.size, ancillary, 0, peer);
}

static PyObject *UdpSocket_recvfrom(UdpSocket *self, PyObject *Py_UNUSED(size)) { return take_left(self, false); }

static PyObject *UdpSocket_recvmsg(UdpSocket *self, PyObject *Py_UNUSED(sizes)) { return take_left(self, true); }

static PyObject *UdpSocket_waiting(UdpSocket *self, void *Py_UNUSED(closure)) {
    return PyBool_FromLong(self->batch && waiting(self->batch));
}

static PyMethodDef UdpSocket_methods[] = {
    {"answer", (PyCFunction)(void (*)(void))UdpSocket_answer, METH_FASTCALL,
     "answer(reader, snapshot) -> int\n\n"
     "Answer what waits in the socket, and give how many datagrams were received. What the reader hands over is\n"
     "`waiting` then and has to be taken before the next call."},
    {"recvfrom", (PyCFunction)UdpSocket_recvfrom, METH_VARARGS,
     "recvfrom(size) -> (data, peer)\n\nTake one datagram that was handed over. Raises BlockingIOError."},
    {"recvmsg", (PyCFunction)UdpSocket_recvmsg, METH_VARARGS,
     "recvmsg(size, space) -> (data, ancillary, flags, peer)\n\nThe same, for a socket that is bound to a wildcard."},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef UdpSocket_properties[] = {
    {"waiting", (getter)UdpSocket_waiting, NULL, "Whether something was handed over.", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyType_Slot UdpSocket_slots[] = {
    {Py_tp_doc, "A UDP socket whose ordinary queries are answered here. The descriptor stays the caller's."},
    {Py_tp_init, UdpSocket_init},
    {Py_tp_dealloc, UdpSocket_dealloc},
    {Py_tp_methods, UdpSocket_methods},
    {Py_tp_getset, UdpSocket_properties},
    {0, NULL},
};

static PyType_Spec UdpSocket_spec = {"ptrd.datapath._compiled.UdpSocket", sizeof(UdpSocket), 0, Py_TPFLAGS_DEFAULT,
                                     UdpSocket_slots};

static int add_contents(PyObject *module) {
    struct {
        PyObject **name;
        const char *text;
    } names[] = {{&name_shares, "shares"},
                 {&name_mask, "mask"},
                 {&name_has_below, "has_below"},
                 {&name_negative, "negative"},
                 {&name_overlays, "overlays"},
                 {&name_zones, "zones"}};
    for (size_t index = 0; index < sizeof names / sizeof *names; index++)
        if (!*names[index].name && !(*names[index].name = PyUnicode_InternFromString(names[index].text)))
            return -1;
    Reader_type = (PyTypeObject *)PyType_FromModuleAndSpec(module, &Reader_spec, NULL);
    PyObject *udp = PyType_FromModuleAndSpec(module, &UdpSocket_spec, NULL);
    int failed = !Reader_type || !udp || PyModule_AddType(module, Reader_type) < 0 ||
                 PyModule_AddType(module, (PyTypeObject *)udp) < 0 ||
                 PyModule_AddIntConstant(module, "IMAGE_VERSION", IMAGE_VERSION) < 0 ||
                 PyModule_AddIntConstant(module, "INTERFACE", 2) < 0; /* as ptrd/datapath/reader.py has it */
    Py_XDECREF(udp);
    return failed ? -1 : 0;
}

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, "_compiled", "Ordinary queries, answered from the image.", -1, NULL, NULL, NULL,
    NULL, NULL};

PyMODINIT_FUNC PyInit__compiled(void) {
    PyObject *module = PyModule_Create(&definition);
    if (module && add_contents(module) < 0)
        Py_CLEAR(module);
    return module;
}
