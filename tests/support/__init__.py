"""Real servers for the tests, on loopback or unix sockets. Each ends with the test process, however that ends."""
