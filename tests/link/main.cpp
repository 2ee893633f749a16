// A program that calls nothing. Linked against every object of one layer and only what that layer declares,
// it proves that the layer looks down only: a reference to a higher layer would be undefined.
int main() {}
