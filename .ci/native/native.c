#include <Python.h>
#include <unistd.h>

/* Something of the C library, so that the result needs a version of it. */
static PyObject *pid(PyObject *module, PyObject *none) { return PyLong_FromLong(getpid()); }

static PyMethodDef methods[] = {{"pid", pid, METH_NOARGS, NULL}, {NULL, NULL, 0, NULL}};

static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "native", NULL, 0, methods};

PyMODINIT_FUNC PyInit_native(void) { return PyModule_Create(&module); }
