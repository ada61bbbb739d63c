"""The real thing: a cloud that serves, a device that loses it and finds it again, and a shaped link between them."""
