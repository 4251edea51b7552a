"""What tests share: the real servers, receivers, installations and harnesses that they stand on."""
