/*
 * main.c - watchroom-sim: the device simulators.
 */
int
main(void)
{
    return 2;
}
