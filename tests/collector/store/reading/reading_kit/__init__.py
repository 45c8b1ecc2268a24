"""What the tests of reading share: calls to ask for, queries, and the answers to expect."""
